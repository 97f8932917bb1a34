//! The three names for the databases, the pods, and the way of the last query.

use std::net::IpAddr;

use app_core::html::drawing::{Drawing, Name, Pod, Way};

use crate::{
    api::{dns::NamesView, pods::PodView},
    page::{
        dns::lists,
        dots::{Dot, Dots, POD_NAME_PREFIX, pod_name},
        params::PageParams,
    },
    routing::{
        Reads,
        mode::{Mode, Via, With},
    },
};

/// The indices of the names in the drawing.
const MYSQL_READ: usize = 0;
const HEADLESS: usize = 1;
const PRIMARY: usize = 2;

/// The drawing. `write_app` is the URL of the page that uses the third name.
pub(super) fn drawing(
    reads: &Reads,
    params: &PageParams,
    names: &NamesView,
    pods: &[PodView],
    write_app: &str,
) -> Drawing {
    let last = params.dots.last();
    let is_listed = |ordinal| pods.iter().any(|pod| pod.ordinal == ordinal);
    let gone = params.dots.counts().into_keys().filter(|ordinal| !is_listed(*ordinal));
    // Gone pods stand below the others, so that the others do not move.
    let listed = pods.iter().map(|pod| (pod.ordinal, Some(pod)));
    let rows = listed.chain(gone.map(|ordinal| (ordinal, None)));
    let drawn: Vec<_> = rows.map(|(ordinal, pod)| drawn_pod(ordinal, pod, names)).collect();
    Drawing {
        names: three_names(reads, params.mode.via, names, write_app),
        ways: ways(&params.mode, &params.dots, pods),
        text: text(reads.host(params.mode.via), last, &drawn),
        lit: "the last query",
        caption: None,
        pods: drawn,
    }
}

fn three_names(reads: &Reads, used: Via, names: &NamesView, write_app: &str) -> Vec<Name> {
    let choice = |via, says: &str| {
        let host = reads.host(via);
        Name {
            name: host.to_owned(),
            answer: addresses(via == Via::Mysql, names, host),
            says: says.to_owned(),
            is_used: via == used,
            value: Some(via.name()),
            link: None,
        }
    };
    let primary = format!("{POD_NAME_PREFIX}0.{}", reads.host(Via::Mysql));
    vec![
        choice(Via::MysqlRead, "one address: the cluster picks a pod for each connection"),
        choice(Via::Mysql, "headless: DNS gives the pods’ addresses, the client picks"),
        Name {
            answer: addresses(false, names, &primary),
            name: primary,
            says: "this one pod: write-app writes here".to_owned(),
            is_used: false,
            value: None,
            link: Some(write_app.to_owned()),
        },
    ]
}

/// `mysql-read` may lead to each pod that is ready. read-app does not see which are, so it draws a way to each that
/// answers. `mysql` leads to each pod that it names.
fn ways(mode: &Mode, dots: &Dots, pods: &[PodView]) -> Vec<Way> {
    let (last, answered) = (dots.last(), dots.counts());
    let mut ways = Vec::new();
    for (index, pod) in pods.iter().enumerate() {
        let mut add = |name, via, classes: &str| {
            let is_lit = via == Some(mode.via) && last == Some(Dot::Pod(pod.ordinal));
            let classes =
                if is_lit { format!(" lit d{}", pod.ordinal) } else { classes.to_owned() };
            ways.push(Way { name, pod: index, classes });
        };
        if pod.answers() {
            add(MYSQL_READ, Some(Via::MysqlRead), " maybe");
        }
        let has_pool = mode.via == Via::Mysql && mode.with == With::Pool;
        let is_open = has_pool && pod.answers() && answered.contains_key(&pod.ordinal);
        add(HEADLESS, Some(Via::Mysql), if is_open { " open" } else { "" });
        if pod.ordinal == 0 {
            add(PRIMARY, None, "");
        }
    }
    ways.sort_by_key(|way| way.classes.starts_with(" lit"));
    ways
}

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

/// A pod; none where read-app has no address of it.
fn drawn_pod(ordinal: u8, pod: Option<&PodView>, names: &NamesView) -> Pod {
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
    }
}

fn role_or_health(pod: &PodView) -> String {
    match (pod.role(), pod.behind()) {
        (Some(role), Some(behind)) => format!("{}, {behind} behind", role.name()),
        (Some(role), None) => role.name().to_owned(),
        (None, _) => pod.health(),
    }
}

fn text(host: &str, last: Option<Dot>, pods: &[Pod]) -> String {
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
    fn each_name_leads_to_its_pods_and_the_way_of_the_last_query_is_lit() {
        let pods = [pod(0, true), pod(1, true), pod(2, false)];
        let ends = |via, with| {
            let mode = Mode { via, with, ..Mode::default() };
            let ways = ways(&mode, &Dots::read("001"), &pods).into_iter();
            ways.map(|way| (way.name, way.pod, way.classes)).collect::<Vec<_>>()
        };
        let way = |name, pod, classes: &str| (name, pod, classes.to_owned());

        let by_service = ends(Via::MysqlRead, With::New);
        assert_eq!(by_service.last(), Some(&way(MYSQL_READ, 1, " lit d1")));
        for drawn in [way(MYSQL_READ, 0, " maybe"), way(HEADLESS, 2, ""), way(PRIMARY, 0, "")] {
            assert!(by_service.contains(&drawn), "{drawn:?} of {by_service:?}");
        }
        let to_a_silent_pod = |way: &&(usize, usize, String)| way.0 == MYSQL_READ && way.1 == 2;
        assert_eq!(by_service.iter().find(to_a_silent_pod), None);

        let pools = ends(Via::Mysql, With::Pool);
        assert_eq!(pools.last(), Some(&way(HEADLESS, 1, " lit d1")));
        for drawn in [way(HEADLESS, 0, " open"), way(HEADLESS, 2, ""), way(MYSQL_READ, 1, " maybe")]
        {
            assert!(pools.contains(&drawn), "{drawn:?} of {pools:?}");
        }
    }

    #[test]
    fn a_pod_without_an_address_is_gone_only_where_dns_says_so() {
        let says = |names: &NamesView| drawn_pod(1, None, names).says;
        assert_eq!(says(&names(Some(&["192.0.2.0"]), Some(&[0]))), "gone, and not in DNS");
        assert_eq!(says(&names(Some(&["192.0.2.0"]), Some(&[0, 1]))), "in DNS, no answer yet");
        assert_eq!(says(&names(None, None)), "not known: no answer");
        let known = drawn_pod(1, Some(&pod(1, true)), &names(None, None));
        assert_eq!(known.says, "replica");
    }
}
