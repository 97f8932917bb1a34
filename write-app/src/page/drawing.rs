//! The three names for the databases, the pods, and the way of a write.

use app_core::{
    html::drawing::{Drawing, Name, Pod, Way},
    mysql::pod_name::PodName,
};

use super::notice::Notice;
use crate::db::replicas::{Attempt, Listed, pod_and_service};

/// The Service that read-app reads through by default. write-app does not use it.
const MYSQL_READ: &str = "mysql-read";

/// The indices of the names in the drawing.
const HEADLESS: usize = 1;
const PRIMARY: usize = 2;

/// What the page knows when it draws.
pub(crate) struct Known<'a> {
    /// The name that writes go to.
    pub(crate) host: &'a str,
    /// The address that DNS has for it, or in two words what DNS has instead.
    pub(crate) address: Result<&'a str, &'static str>,
    /// The other pods that DNS lists, if it gave an answer.
    pub(crate) listed: Option<&'a [Listed]>,
    /// What has just happened.
    pub(crate) notice: Option<&'a Notice<'a>>,
    /// The URL of read-app's page.
    pub(crate) read_app: &'a str,
}

/// The drawing. None where the host is not the name of a pod of a StatefulSet.
pub(crate) fn drawing(known: &Known<'_>) -> Option<Drawing> {
    let Known { host, address, listed, notice, .. } = *known;
    let (pod, _) = pod_and_service(host);
    let primary = PodName::new(pod.to_owned());
    let attempt = attempt(notice);
    let mut replicas = listed.unwrap_or_default().to_vec();
    // DNS named it a moment ago.
    let tried = attempt.filter(|it| replicas.iter().all(|listed| listed.pod != it.pod));
    replicas.extend(tried.map(|it| Listed { pod: it.pod.clone(), address: None }));
    let pods = pods(&primary, address, &replicas, notice)?;
    let target = attempt.map_or(primary.to_string(), |attempt| attempt.pod.to_string());
    let target = pods.iter().position(|pod| pod.name == target && pod.answers);
    Some(Drawing {
        names: three_names(known, pods.iter().filter(|pod| pod.answers).count()),
        ways: ways(&pods, target, attempt.map_or(PRIMARY, |_| HEADLESS)),
        text: text(target.and_then(|index| pods.get(index)), &pods),
        lit: attempt.map_or("a write", |_| "the attempt"),
        caption: Some(caption(host, address, attempt, listed.is_some())),
        pods,
    })
}

/// The last of them is lit.
fn ways(pods: &[Pod], target: Option<usize>, used: usize) -> Vec<Way> {
    let way = |name, pod, classes: &str| Way { name, pod, classes: classes.to_owned() };
    let answering = || (0..pods.len()).filter(|index| pods[*index].answers);
    let by_service = answering().flat_map(|pod| [way(0, pod, " maybe"), way(HEADLESS, pod, "")]);
    // The primary stands first.
    let by_name = answering().take(1).filter(|pod| *pod == 0).map(|pod| way(PRIMARY, pod, ""));
    let mut ways: Vec<_> = by_service.chain(by_name).collect();
    ways.extend(target.map(|index| {
        let pod = &pods[index];
        // A refusal has the colour of failures.
        let colour = if pod.is_trouble { String::new() } else { format!(" d{}", pod.ordinal) };
        way(used, index, &format!(" lit{colour}"))
    }));
    ways
}

fn three_names(known: &Known<'_>, answering: usize) -> Vec<Name> {
    let Known { host, address, listed, notice, read_app } = *known;
    let was_tried = attempt(notice).is_some();
    let pods = match (listed, answering) {
        (None, _) => "no answer".to_owned(),
        (Some(_), 1) => "1 pod’s address".to_owned(),
        (Some(_), pods) => format!("{pods} pods’ addresses"),
    };
    let service = Name {
        answer: pods,
        is_used: was_tried,
        link: Some(format!("{read_app}?via=mysql")),
        ..name(pod_and_service(host).1, "headless: DNS gives the pods’ addresses, the client picks")
    };
    let by_cluster = Name {
        link: Some(format!("{read_app}?via={MYSQL_READ}")),
        ..name(MYSQL_READ, "one address: the cluster picks a pod, perhaps a replica")
    };
    let primary = Name {
        answer: address.unwrap_or_else(|what| what).to_owned(),
        is_used: !was_tried,
        ..name(host, "this one pod: write-app writes here")
    };
    vec![by_cluster, service, primary]
}

fn name(name: &str, says: &str) -> Name {
    Name {
        name: name.to_owned(),
        answer: String::new(),
        says: says.to_owned(),
        is_used: false,
        value: None,
        link: None,
    }
}

fn attempt<'a>(notice: Option<&'a Notice<'_>>) -> Option<&'a Attempt> {
    match notice {
        Some(Notice::Attempted(attempt)) => Some(attempt),
        _ => None,
    }
}

/// The primary first. None where its name has no ordinal.
fn pods(
    primary: &PodName,
    address: Result<&str, &'static str>,
    replicas: &[Listed],
    notice: Option<&Notice<'_>>,
) -> Option<Vec<Pod>> {
    let ordinal = primary.ordinal().parse().ok()?;
    let replicas =
        replicas.iter().filter_map(|listed| Some((listed, listed.pod.ordinal().parse().ok()?)));
    let mut pods = vec![primary_pod(primary, ordinal, address, notice)];
    pods.extend(replicas.map(|(listed, ordinal)| other_pod(listed, ordinal, attempt(notice))));
    Some(pods)
}

fn caption(
    host: &str,
    address: Result<&str, &'static str>,
    attempt: Option<&Attempt>,
    is_listed: bool,
) -> String {
    let others = if is_listed { "" } else { " Which other pods there are is not known now." };
    match (attempt, address) {
        (Some(Attempt { pod, found_under, .. }), _) => {
            let (primary, service) = pod_and_service(host);
            format!(
                "DNS lists the pods of {service} under {found_under}. For this attempt, write-app chose {pod} instead of {primary}.{others}"
            )
        }
        (None, Err(what)) => {
            format!("{host}: DNS has {what}, so write-app can open no connection.{others}")
        }
        (None, Ok(_)) => {
            format!(
                "{host}: DNS gives the pod’s own address, so the connection goes straight to the pod. \
                 Number 0 is the primary, all others are replicas.{others}"
            )
        }
    }
}

fn primary_pod(
    pod: &PodName,
    ordinal: u8,
    address: Result<&str, &'static str>,
    notice: Option<&Notice<'_>>,
) -> Pod {
    let says = match (address, notice) {
        (_, Some(Notice::Registered(flash))) if flash.registered.pod == *pod => {
            if flash.registered.repeated {
                "primary, has the user"
            } else {
                "primary, took the write"
            }
        }
        (Err(what), _) => what,
        _ => role(ordinal),
    };
    Pod {
        ordinal,
        name: pod.to_string(),
        address: address.unwrap_or_default().to_owned(),
        says: says.to_owned(),
        is_trouble: address.is_err(),
        answers: address.is_ok(),
    }
}

/// The role by the number: MySQL was not asked.
fn role(ordinal: u8) -> &'static str {
    if ordinal == 0 { "primary" } else { "replica" }
}

fn other_pod(listed: &Listed, ordinal: u8, attempt: Option<&Attempt>) -> Pod {
    let Listed { pod, address } = listed;
    let attempt = attempt.filter(|attempt| attempt.pod == *pod);
    let refusal = attempt.and_then(|attempt| attempt.refusal.as_ref());
    let says = match (attempt, refusal) {
        (_, Some(refusal)) => format!("refused it: error {}", refusal.number),
        (Some(_), None) => "would have taken it".to_owned(),
        (None, _) => role(ordinal).to_owned(),
    };
    let unknown = || "address not known".to_owned();
    let address = address.map_or_else(unknown, |address| address.to_string());
    let name = pod.to_string();
    Pod { ordinal, name, address, says, is_trouble: refusal.is_some(), answers: true }
}

fn text(target: Option<&Pod>, pods: &[Pod]) -> String {
    let way = match target {
        Some(pod) => format!("and straight to {}", pod.name),
        None => "and no further".to_owned(),
    };
    let pods: Vec<_> = pods.iter().map(|pod| format!("{}: {}", pod.name, pod.says)).collect();
    format!(
        "The write goes from the browser to write-app, which asks DNS, {way}. {}.",
        pods.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        db::{Registered, replicas::Refusal},
        page::flash::Flash,
    };

    const ADDRESS: Result<&str, &str> = Ok("192.0.2.7");

    fn pod(name: &str) -> PodName {
        PodName::new(name.to_owned())
    }

    fn listed(name: &str) -> Listed {
        Listed { pod: pod(name), address: Some([192, 0, 2, 9].into()) }
    }

    fn drawn(address: Result<&str, &'static str>, notice: Option<&Notice>) -> Drawing {
        let listed = [listed("mysql-1"), listed("mysql-2")];
        let (host, read_app) = ("mysql-0.mysql", "http://192.0.2.1/");
        drawing(&Known { host, address, listed: Some(&listed), notice, read_app }).unwrap()
    }

    /// The way that is lit, which is the last one.
    fn lit(drawing: &Drawing) -> Option<(usize, usize, &str)> {
        let way = drawing.ways.last()?;
        let classes = way.classes.as_str();
        classes.starts_with(" lit").then_some((way.name, way.pod, classes))
    }

    #[test]
    fn a_write_goes_by_the_name_of_the_primary_to_it_alone() {
        let drawing = drawn(ADDRESS, None);

        assert_eq!(lit(&drawing), Some((PRIMARY, 0, " lit d0")));
        let used: Vec<_> = drawing.names.iter().filter(|name| name.is_used).collect();
        assert_eq!((used.len(), used[0].name.as_str()), (1, "mysql-0.mysql"));
        assert_eq!(used[0].answer, "192.0.2.7");
        assert_eq!(drawing.names[HEADLESS].answer, "3 pods’ addresses");
        let link = drawing.names[HEADLESS].link.as_deref();
        assert_eq!(link, Some("http://192.0.2.1/?via=mysql"));
        assert!(drawing.text.contains("straight to mysql-0."), "{}", drawing.text);
        assert!(drawing.text.contains("mysql-2: replica"), "{}", drawing.text);
        assert_eq!(drawing.pods[2].address, "192.0.2.9");
    }

    #[test]
    fn without_an_address_no_way_leads_to_the_primary() {
        for what in ["no address", "no answer"] {
            let drawing = drawn(Err(what), None);

            assert_eq!(lit(&drawing), None);
            assert!(drawing.ways.iter().all(|way| way.pod != 0), "{:?}", drawing.ways);
            assert!(drawing.text.contains("and no further"), "{}", drawing.text);
            let said = (drawing.names[PRIMARY].answer.as_str(), drawing.pods[0].says.as_str());
            assert_eq!(said, (what, what));
        }
    }

    #[test]
    fn a_role_is_that_of_the_name_until_a_server_took_a_write() {
        let registered = |repeated, pod_name: &str| {
            let (gtid, acknowledged, replicas, commit_ms) = Default::default();
            let (id, pod) = (6, pod(pod_name));
            let registered =
                Registered { id, pod, gtid, acknowledged, replicas, commit_ms, repeated };
            Notice::Registered(Flash { name: "Ada".into(), registered })
        };
        let says = |notice: Option<&Notice>| drawn(ADDRESS, notice).pods[0].says.clone();
        assert_eq!(says(None), "primary");
        assert_eq!(says(Some(&registered(false, "mysql-0"))), "primary, took the write");
        assert_eq!(says(Some(&registered(true, "mysql-0"))), "primary, has the user");
        assert_eq!(says(Some(&registered(false, "mysql-1"))), "primary");
        let listed = [listed("mysql-0")];
        let other = Known { listed: Some(&listed), ..known("mysql-1.mysql", None) };
        assert_eq!(drawing(&other).unwrap().pods[0].says, "replica");
    }

    fn known<'a>(host: &'a str, notice: Option<&'a Notice<'a>>) -> Known<'a> {
        Known { host, address: ADDRESS, listed: None, notice, read_app: "" }
    }

    #[test]
    fn where_dns_is_silent_the_drawing_says_that_the_other_pods_are_not_known() {
        let silent = Known { address: Err("no answer"), ..known("mysql-0.mysql", None) };
        let caption = drawing(&silent).unwrap().caption.unwrap();
        assert!(caption.contains("Which other pods there are is not known"), "{caption}");

        let (found_under, refusal) = ("_mysql._tcp.mysql".to_owned(), None);
        let notice = Notice::Attempted(Attempt { pod: pod("mysql-2"), found_under, refusal });
        let tried = drawing(&known("mysql-0.mysql", Some(&notice))).unwrap();
        assert_eq!(tried.names[HEADLESS].answer, "no answer");
        assert_eq!(lit(&tried), Some((HEADLESS, 1, " lit d2")));
    }

    #[test]
    fn an_attempt_goes_by_the_headless_service_to_a_replica_which_refuses_it() {
        let refusal = Refusal { number: 1290, sqlstate: String::new(), message: String::new() };
        let found_under = "_mysql._tcp.mysql".to_owned();
        let attempt = Attempt { pod: pod("mysql-2"), found_under, refusal: Some(refusal) };
        let drawing = drawn(ADDRESS, Some(&Notice::Attempted(attempt)));

        assert_eq!(lit(&drawing), Some((HEADLESS, 2, " lit")));
        assert!(drawing.names[HEADLESS].is_used && !drawing.names[PRIMARY].is_used);
        assert_eq!(drawing.pods[2].says, "refused it: error 1290");
    }

    #[test]
    fn a_server_that_is_no_pod_has_no_drawing() {
        for host in ["192.0.2.7", "localhost"] {
            assert!(drawing(&Known { listed: Some(&[]), ..known(host, None) }).is_none());
        }
    }
}
