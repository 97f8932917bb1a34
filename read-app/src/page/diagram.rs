//! The way of the last query as a diagram: browser, read-app, the Service's name, the pods.

use app_core::html::diagram::{Frame, Pod};

use crate::{
    api::{dns::NamesView, pods::PodView},
    page::{
        dots::{Dot, pod_name},
        params::PageParams,
    },
    routing::{
        Reads,
        mode::{Mode, Via, With},
    },
    times,
};

/// The diagram's numbers and words; the template draws them.
pub(super) struct Diagram {
    pub(super) is_headless: bool,
    pub(super) frame: Frame,
    /// The classes of the lines from the browser to where a pod is picked.
    pub(super) classes: String,
    /// One line for each pod that the Service leads to.
    pub(super) lines: Vec<Line>,
    pub(super) pods: Vec<Pod>,
    /// The address of `mysql-read`, or how many addresses `mysql` has.
    pub(super) addresses: String,
    /// The diagram in words.
    pub(super) title: String,
    pub(super) caption: String,
}

/// A line to one pod.
pub(super) struct Line {
    pub(super) classes: String,
    /// How far down it ends.
    pub(super) y: usize,
}

impl Diagram {
    pub(super) fn new(
        reads: &Reads,
        params: &PageParams,
        names: &NamesView,
        pods: &[PodView],
    ) -> Self {
        let (mode, last) = (&params.mode, params.dots.last());
        let is_headless = mode.via == Via::Mysql;
        let host = reads.host(mode.via);
        let is_listed = |ordinal| pods.iter().any(|pod| pod.ordinal == ordinal);
        let gone = params.dots.counts().into_keys().filter(|ordinal| !is_listed(*ordinal));
        // Gone pods stand below the others, so that the others do not move.
        let listed = pods.iter().map(|pod| (pod.ordinal, Some(pod)));
        let rows: Vec<_> = listed.chain(gone.map(|ordinal| (ordinal, None))).collect();
        let frame = Frame::of(rows.len());
        // mysql-read leads to no pod that is not ready. A headless Service names such a pod too.
        let reached = pods.iter().enumerate().filter(|(_, pod)| is_headless || pod.answers());
        let line = |(row, pod)| Line { classes: line_classes(mode, last, pod), y: frame.row(row) };
        let lines = reached.map(line).collect();
        let rows = rows.into_iter().enumerate();
        let drawn: Vec<_> =
            rows.map(|(row, (ordinal, pod))| diagram_pod(ordinal, pod, frame.row(row))).collect();
        Self {
            is_headless,
            frame,
            classes: last.map(highlight).unwrap_or_default(),
            lines,
            addresses: addresses(is_headless, pods.len(), names.first_address(host)),
            title: title(host, last, &drawn),
            caption: caption(is_headless, pods.len()),
            pods: drawn,
        }
    }

    /// How far down the lines to the pods begin: at read-app, which picks among all addresses, or at mysql-read,
    /// which has one.
    pub(super) fn lines_begin(&self) -> usize {
        if self.is_headless { self.frame.from_app() } else { self.frame.from_third() }
    }
}

fn addresses(is_headless: bool, pods: usize, first_address: Option<String>) -> String {
    match (is_headless, pods) {
        (false, _) => first_address.unwrap_or_else(|| "no address".to_owned()),
        (true, 1) => "1 address".to_owned(),
        (true, pods) => format!("{pods} addresses"),
    }
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

/// The classes of a line that the last query took: it has the colour of the pod that answered.
fn highlight(last: Dot) -> String {
    match last {
        Dot::Pod(ordinal) => format!(" lit d{ordinal}"),
        Dot::Failed(_) => " lit".to_owned(),
    }
}

fn line_classes(mode: &Mode, last: Option<Dot>, pod: &PodView) -> String {
    let has_pool = mode.via == Via::Mysql && mode.with == With::Pool;
    match last {
        Some(last) if last == Dot::Pod(pod.ordinal) => highlight(last),
        _ if has_pool && pod.answers() => " open".to_owned(),
        _ => String::new(),
    }
}

/// A pod; none where DNS does not list it any more.
fn diagram_pod(ordinal: u8, pod: Option<&PodView>, y: usize) -> Pod {
    let answers = pod.is_some_and(PodView::answers);
    Pod {
        ordinal,
        name: pod.map_or_else(|| pod_name(ordinal), |pod| pod.name.clone()),
        address: pod.map(|pod| pod.address.clone()).unwrap_or_default(),
        says: pod.map_or_else(|| "gone, and not in DNS".to_owned(), role_or_health),
        is_trouble: !answers,
        answers,
        y,
    }
}

fn role_or_health(pod: &PodView) -> String {
    match (pod.role(), pod.lag()) {
        (Some(role), Some(lag)) => format!("{}, {} behind", role.name(), times::seconds(lag.time)),
        (Some(role), None) => role.name().to_owned(),
        (None, _) => pod.health(),
    }
}

fn title(host: &str, last: Option<Dot>, pods: &[Pod]) -> String {
    let query = match last {
        Some(Dot::Pod(ordinal)) => format!(
            "The last query went from the browser to read-app, by {host} to {}.",
            pod_name(ordinal)
        ),
        Some(Dot::Failed(_)) => format!("The last query, by {host}, was not answered."),
        None => "Nothing was asked yet.".to_owned(),
    };
    let pods = pods.iter().map(|pod| format!("{} {}, {}", pod.name, pod.address, pod.says));
    format!("{query} Pods: {}.", pods.collect::<Vec<_>>().join("; "))
}
