//! The way of the last query as a diagram: browser, read-app, the Service's name, the pods.

use std::net::IpAddr;

use app_core::html::diagram::{Frame, Pod};

use crate::{
    api::{dns::NamesView, pods::PodView},
    page::{
        dns::lists,
        dots::{Dot, Dots, pod_name},
        params::PageParams,
    },
    routing::{
        Reads,
        mode::{Mode, Via, With},
    },
};

/// The diagram's numbers and words; the template draws them.
pub(super) struct Diagram {
    pub(super) is_headless: bool,
    pub(super) frame: Frame,
    /// The classes of the lines from the browser to where a pod is picked.
    pub(super) classes: String,
    /// For the headless Service one line for each pod. For mysql-read one for each pod that has answered there:
    /// read-app does not see which pods are ready.
    pub(super) lines: Vec<Line>,
    pub(super) pods: Vec<Pod>,
    /// The address of `mysql-read`, or how many addresses DNS gives for `mysql`.
    pub(super) addresses: String,
    /// The diagram in words.
    pub(super) title: String,
    pub(super) caption: &'static str,
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
        let rows = rows.into_iter().enumerate();
        let drawn: Vec<_> = rows
            .map(|(row, (ordinal, pod))| diagram_pod(ordinal, pod, names, frame.row(row)))
            .collect();
        Self {
            is_headless,
            frame,
            classes: last.map(highlight).unwrap_or_default(),
            lines: lines(mode, &params.dots, pods, frame),
            addresses: addresses(is_headless, names, host),
            title: title(host, last, &drawn),
            caption: if is_headless { HEADLESS } else { ONE_ADDRESS },
            pods: drawn,
        }
    }

    /// How far down the lines to the pods begin: at read-app, which picks among all addresses, or at mysql-read,
    /// which has one.
    pub(super) fn lines_begin(&self) -> usize {
        if self.is_headless { self.frame.from_app() } else { self.frame.from_third() }
    }
}

fn lines(mode: &Mode, dots: &Dots, pods: &[PodView], frame: Frame) -> Vec<Line> {
    let (is_headless, answered) = (mode.via == Via::Mysql, dots.counts());
    let has_answered = |pod: &PodView| pod.answers() && answered.contains_key(&pod.ordinal);
    let reached = pods.iter().enumerate().filter(|(_, pod)| is_headless || has_answered(pod));
    let line = |(row, pod)| {
        let is_open = is_headless && mode.with == With::Pool && has_answered(pod);
        Line { classes: line_classes(is_open, dots.last(), pod), y: frame.row(row) }
    };
    reached.map(line).collect()
}

const HEADLESS: &str = "mysql: DNS gives the pods’ own addresses. read-app picks one for each query, and nothing \
     stands in between.";

const ONE_ADDRESS: &str = "mysql-read: one address for all. A pod is picked behind it when a connection is opened, \
     and not again. The lines lead to pods that have answered.";

fn addresses(is_headless: bool, names: &NamesView, host: &str) -> String {
    // DB_HOST can be an address.
    if host.parse::<IpAddr>().is_ok() {
        return host.to_owned();
    }
    let Some(answer) = names.answers.iter().find(|answer| answer.name == host) else {
        return String::new();
    };
    match &answer.records[..] {
        [] if !answer.answered => "no answer".to_owned(),
        [] => "no address".to_owned(),
        [first, ..] if !is_headless => first.value.clone(),
        [_] => "1 address".to_owned(),
        records => format!("{} addresses", records.len()),
    }
}

/// The classes of a line that the last query took: it has the colour of the pod that answered.
fn highlight(last: Dot) -> String {
    match last {
        Dot::Pod(ordinal) => format!(" lit d{ordinal}"),
        Dot::Failed(_) => " lit".to_owned(),
    }
}

fn line_classes(is_open: bool, last: Option<Dot>, pod: &PodView) -> String {
    match last {
        Some(last) if last == Dot::Pod(pod.ordinal) => highlight(last),
        _ if is_open => " open".to_owned(),
        _ => String::new(),
    }
}

/// A pod; none where read-app has no address of it.
fn diagram_pod(ordinal: u8, pod: Option<&PodView>, names: &NamesView, y: usize) -> Pod {
    let without_address = || match lists(names, ordinal) {
        Some(false) => "gone, and not in DNS",
        Some(true) => "in DNS, no answer yet",
        None => "not known: no answer",
    };
    let answers = pod.is_some_and(PodView::answers);
    Pod {
        ordinal,
        name: pod.map_or_else(|| pod_name(ordinal), |pod| pod.name.clone()),
        address: pod.map(|pod| pod.address.clone()).unwrap_or_default(),
        says: pod.map_or_else(|| without_address().to_owned(), role_or_health),
        is_trouble: !answers,
        answers,
        y,
    }
}

fn role_or_health(pod: &PodView) -> String {
    match (pod.role(), pod.behind()) {
        (Some(role), Some(behind)) => format!("{}, {behind} behind", role.name()),
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
        Some(Dot::Failed(_)) => format!("The last query, by {host}, has no answer of a pod."),
        None => "Nothing was asked yet.".to_owned(),
    };
    let pods = pods.iter().map(|pod| format!("{} {}, {}", pod.name, pod.address, pod.says));
    format!("{query} Pods: {}.", pods.collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::page::{dns::tests::names, explain::tests::pod};

    #[test]
    fn addresses_are_counted_in_the_answer_of_dns_and_silence_is_not_none() {
        let two_families = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
        for (answer, said) in [
            (Some(&two_families[..]), "4 addresses"),
            (Some(&two_families[..1]), "1 address"),
            (Some(&[]), "no address"),
            (None, "no answer"),
        ] {
            assert_eq!(addresses(true, &names(answer, None), "mysql"), said);
        }
        assert_eq!(addresses(false, &names(Some(&["192.0.2.9"]), None), "mysql"), "192.0.2.9");
        assert_eq!(addresses(false, &names(None, None), "mysql"), "no answer");
        assert_eq!(addresses(false, &names(None, None), "192.0.2.7"), "192.0.2.7");
    }

    #[test]
    fn lines_lead_to_the_pods_of_mysql_and_to_those_that_have_answered_through_mysql_read() {
        let pods = [pod(0, true), pod(1, true), pod(2, false)];
        let (dots, frame) = (Dots::read("002"), Frame::of(3));
        let ends = |mode: &Mode| {
            let lines = lines(mode, &dots, &pods, frame);
            lines.iter().map(|line| (line.y, line.classes.clone())).collect::<Vec<_>>()
        };
        // mysql-1 answers its watcher, and may not be ready.
        assert_eq!(ends(&Mode::default()), [(frame.row(0), String::new())]);
        let pools = Mode { via: Via::Mysql, with: With::Pool, ..Mode::default() };
        let classes: Vec<_> = ends(&pools).into_iter().map(|(_, classes)| classes).collect();
        assert_eq!(classes, [" open", "", " lit d2"], "no connection to mysql-1 is known");
    }

    #[test]
    fn a_pod_without_an_address_is_gone_only_where_dns_says_so() {
        let says = |names: &NamesView| diagram_pod(1, None, names, 0).says;
        assert_eq!(says(&names(Some(&["192.0.2.0"]), Some(&[0]))), "gone, and not in DNS");
        assert_eq!(says(&names(Some(&["192.0.2.0"]), Some(&[0, 1]))), "in DNS, no answer yet");
        assert_eq!(says(&names(None, None)), "not known: no answer");
        let known = diagram_pod(1, Some(&pod(1, true)), &names(None, None), 0);
        assert_eq!(known.says, "replica");
    }
}
