//! The way of the last query as a picture: browser, read-app, the name that was asked for, the pods.

use app_core::html::diagram::{Frame, Pod};

use crate::{
    api::{dns::NamesView, params::Params, pods::PodView},
    page::{dots::Dot, times},
    routing::{
        Reads,
        mode::{Via, With},
    },
};

/// The picture's numbers and words; the template draws them.
pub(super) struct Diagram {
    pub(super) is_headless: bool,
    pub(super) frame: Frame,
    /// How far down the ways to the pods begin: at read-app, which picks among all addresses, or at
    /// mysql-read, which has one.
    pub(super) start: usize,
    pub(super) ways: Vec<Way>,
    pub(super) pods: Vec<Pod>,
    /// The classes of the way that the query took before it reached a pod.
    pub(super) way: String,
    /// What the box of the name says.
    pub(super) service: String,
    /// The picture in words.
    pub(super) text: String,
    pub(super) caption: String,
}

/// The way to one pod.
pub(super) struct Way {
    pub(super) classes: String,
    /// How far down it ends.
    pub(super) y: usize,
}

impl Diagram {
    pub(super) fn new(reads: &Reads, params: &Params, names: &NamesView, pods: &[PodView]) -> Self {
        let gone = gone(params, pods);
        let frame = Frame::of(pods.len() + gone.len());
        let is_headless = params.mode.via == Via::Mysql;
        let host = reads.host(params.mode.via);
        let service = match (is_headless, pods.len()) {
            (false, _) => names.first_address(host).unwrap_or_else(|| "no address".to_owned()),
            (true, 1) => "1 address".to_owned(),
            (true, pods) => format!("{pods} addresses"),
        };
        let rows = pods.iter().enumerate().map(|(index, pod)| (pod, frame.row(index)));
        // mysql-read has no way to a pod that is not ready; a headless Service names it all the same.
        let reached = rows.clone().filter(|(pod, _)| is_headless || pod.answers());
        let ways = reached.map(|(pod, y)| Way { classes: way(pod, params), y }).collect();
        let caption = caption(is_headless, pods.len());
        // Their places follow those of the others, where nothing moves for them.
        let places = (pods.len()..).map(|index| frame.row(index));
        let lost = gone.into_iter().zip(places).map(|(ordinal, y)| drawn_gone(ordinal, y));
        let pods: Vec<_> = rows.map(|(pod, y)| drawn(pod, y)).chain(lost).collect();
        Self {
            start: if is_headless { frame.from_app() } else { frame.from_third() },
            text: text(host, params.dots.last(), &pods),
            caption,
            way: lit(params.dots.last()),
            is_headless,
            frame,
            ways,
            pods,
            service,
        }
    }
}

/// The pods that have answered and are no longer in the DNS answer.
fn gone(params: &Params, pods: &[PodView]) -> Vec<u8> {
    let answered = params.dots.counts().into_keys();
    answered.filter(|ordinal| !pods.iter().any(|pod| pod.ordinal == *ordinal)).collect()
}

fn caption(is_headless: bool, pods: usize) -> String {
    let pods = if pods == 1 { "the one pod".to_owned() } else { format!("{pods} pods") };
    if is_headless {
        format!(
            "mysql: DNS names {pods}. read-app picks one for each query, and nothing stands in between."
        )
    } else {
        "mysql-read: one address for all. A pod is picked behind it when a connection is opened, and not \
         again."
            .to_owned()
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

fn way(pod: &PodView, params: &Params) -> String {
    let last = params.dots.last();
    let has_pool = params.mode.via == Via::Mysql && params.mode.with == With::Pool;
    if last == Some(Dot::Pod(pod.ordinal)) {
        lit(last)
    } else if has_pool && pod.answers() {
        " open".to_owned()
    } else {
        String::new()
    }
}

fn drawn(pod: &PodView, y: usize) -> Pod {
    let says = match (pod.role(), pod.lag()) {
        (Some(role), Some(lag)) => format!("{}, {} behind", role.name(), times::seconds(lag.time)),
        (Some(role), None) => role.name().to_owned(),
        (None, _) => pod.health(),
    };
    Pod {
        ordinal: pod.ordinal,
        name: pod.name.clone(),
        address: pod.address.clone(),
        says,
        is_trouble: !pod.answers(),
        answers: pod.answers(),
        y,
    }
}

fn drawn_gone(ordinal: u8, y: usize) -> Pod {
    Pod {
        ordinal,
        name: format!("mysql-{ordinal}"),
        address: String::new(),
        says: "gone, and not in DNS".to_owned(),
        is_trouble: true,
        answers: false,
        y,
    }
}

fn text(host: &str, last: Option<Dot>, pods: &[Pod]) -> String {
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
