//! The way of the last query as a picture: browser, read-app, the name that was asked for, the pods.
//!
//! The boxes stand on the left, one above the other, [`SPINE`] high in all; the pods on the right, a
//! row of [`ROW`] each. Both are centred, and the higher one decides how high the picture is.

use crate::{
    dots::Dot,
    names::NamesView,
    params::Params,
    pods::PodView,
    reads::{
        Reads,
        mode::{Via, With},
    },
    times,
};

const SPINE: usize = 218;
const ROW: usize = 52;

/// Where the way to the pods leaves the boxes: at read-app, which picks among all addresses, or at
/// mysql-read, which has one.
const FROM_READ_APP: usize = 104;
const FROM_SERVICE: usize = 194;

/// The outlines of pods by ordinal, each 26 wide and high around the point left of its middle.
const SHAPES: [&str; 6] = [
    "M5-13h16a5 5 0 0 1 5 5v16a5 5 0 0 1-5 5h-16a5 5 0 0 1-5-5v-16a5 5 0 0 1 5-5z",
    "M0 0a13 13 0 1 1 26 0a13 13 0 1 1-26 0z",
    "M6.5-12.2h13l6.5 12.2l-6.5 12.2h-13l-6.5-12.2z",
    "M13-13h13v13a13 13 0 0 1-13 13h-13v-13a13 13 0 0 1 13-13z",
    "M7.8-13h10.4l7.8 7.8v10.4l-7.8 7.8h-10.4l-7.8-7.8v-10.4z",
    "M0 0a13 13 0 0 1 26 0v11a2 2 0 0 1-2 2h-22a2 2 0 0 1-2-2z",
];

/// The patterns by ordinal: the ids in the template. Solid is one of them.
const PATTERNS: [Option<&str>; 6] = [None, Some("h"), Some("r"), Some("o"), Some("v"), Some("l")];

/// The picture's numbers and words; the template draws them.
pub(super) struct Diagram {
    pub(super) is_headless: bool,
    pub(super) height: usize,
    /// How far down the boxes begin.
    pub(super) spine: usize,
    /// How far down the way to the pods begins.
    pub(super) start: usize,
    pub(super) pods: Vec<DiagramPod>,
    /// The classes of the way that the query took before it reached a pod.
    pub(super) way: String,
    /// What the box of the name says.
    pub(super) service: String,
    /// The picture in words.
    pub(super) text: String,
    pub(super) caption: &'static str,
}

/// One pod in the picture.
pub(super) struct DiagramPod {
    pub(super) ordinal: u8,
    pub(super) name: String,
    pub(super) address: String,
    /// Its role and lag, or what is wrong with it.
    pub(super) says: String,
    pub(super) answers: bool,
    pub(super) is_reached: bool,
    /// The classes of the way to it.
    pub(super) way: String,
    pub(super) shape: &'static str,
    pub(super) pattern: Option<&'static str>,
    /// How far down its middle is.
    pub(super) y: usize,
    /// How far right its address begins.
    pub(super) at: usize,
}

impl Diagram {
    pub(super) fn new(reads: &Reads, params: &Params, names: &NamesView, pods: &[PodView]) -> Self {
        let height = SPINE.max(ROW * pods.len() + 8);
        let spine = (height - SPINE) / 2;
        let first = (height + ROW) / 2 - ROW * pods.len() / 2;
        let is_headless = params.mode.via == Via::Mysql;
        let place = |(index, pod)| DiagramPod::new(pod, first + index * ROW, params);
        let host = reads.host(params.mode.via);
        let address = names.first_address(host).unwrap_or_else(|| "no address".to_owned());
        let service = match (is_headless, pods.len()) {
            (false, _) => address,
            (true, 1) => "1 address".to_owned(),
            (true, pods) => format!("{pods} addresses"),
        };
        let pods: Vec<_> = pods.iter().enumerate().map(place).collect();
        let start = spine + if is_headless { FROM_READ_APP } else { FROM_SERVICE };
        let text = text(host, params.dots.last(), &pods);
        let caption = if is_headless {
            "mysql: DNS names every pod. read-app chooses one for each query; nothing stands in between."
        } else {
            "mysql-read: one address for all. A pod is chosen behind it, once for each connection."
        };
        let way = lit(params.dots.last());
        Self { is_headless, height, spine, start, pods, way, service, text, caption }
    }
}

/// The way of the last query is lit, in the colour of its pod.
fn lit(last: Option<Dot>) -> String {
    match last {
        Some(Dot::Pod(ordinal)) => format!(" lit d{ordinal}"),
        Some(Dot::Failed(_)) => " lit".to_owned(),
        None => String::new(),
    }
}

fn text(host: &str, last: Option<Dot>, pods: &[DiagramPod]) -> String {
    let way = match last {
        Some(Dot::Pod(ordinal)) => {
            format!(
                "The last query went from the browser to read-app, by {host} to mysql-{ordinal}."
            )
        }
        Some(Dot::Failed(_)) => format!("The last query, by {host}, was not answered."),
        None => "Nothing was asked yet.".to_owned(),
    };
    let pods: Vec<_> =
        pods.iter().map(|pod| format!("{} {}, {}", pod.name, pod.address, pod.says)).collect();
    format!("{way} Pods: {}.", pods.join("; "))
}

impl DiagramPod {
    fn new(pod: &PodView, y: usize, params: &Params) -> Self {
        let says = match (pod.role(), pod.lag()) {
            (Some(role), Some(lag)) => {
                format!("{}, {} behind", role.name(), times::seconds(lag.time))
            }
            (Some(role), None) => role.name().to_owned(),
            (None, _) => pod.health(),
        };
        let is_headless = params.mode.via == Via::Mysql;
        let last = params.dots.last();
        let way = if last == Some(Dot::Pod(pod.ordinal)) {
            lit(last)
        } else if is_headless && params.mode.with == With::Pool && pod.answers() {
            " open".to_owned()
        } else {
            String::new()
        };
        let look = usize::from(pod.ordinal) % SHAPES.len();
        Self {
            ordinal: pod.ordinal,
            address: pod.address.clone(),
            says,
            answers: pod.answers(),
            is_reached: is_headless || pod.answers(),
            way,
            shape: SHAPES[look],
            pattern: PATTERNS[look],
            y,
            at: 36 + 9 * pod.name.len(),
            name: pod.name.clone(),
        }
    }
}
