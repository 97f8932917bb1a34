//! The diagram of a write: the browser, write-app, and the one pod that DNS has under the primary's name.

use app_core::{
    html::diagram::{Frame, Pod},
    mysql::pod_name::PodName,
};

use super::notice::Notice;
use crate::db::replicas::{Attempt, Listed, pod_and_service};

/// The diagram's numbers and words. The template draws them.
pub(crate) struct Diagram {
    pub(crate) frame: Frame,
    /// The primary, then the replicas.
    pub(crate) pods: Vec<Pod>,
    /// The CSS classes of the line from the browser over write-app to the pod.
    pub(crate) way: String,
    /// How far down that line ends. None where it ends at write-app.
    pub(crate) y: Option<usize>,
    /// What DNS answered.
    pub(crate) answer: String,
    /// The diagram in words.
    pub(crate) text: String,
    pub(crate) caption: String,
}

impl Diagram {
    /// None where the host is not the name of a pod of a StatefulSet. `listed` are the other pods that DNS lists, if it
    /// gave an answer.
    pub(crate) fn new(
        host: &str,
        address: Result<&str, &'static str>,
        listed: Option<&[Listed]>,
        notice: Option<&Notice<'_>>,
    ) -> Option<Self> {
        let (pod, _) = pod_and_service(host);
        let primary = PodName::new(pod.to_owned());
        let attempt = attempt(notice);
        let mut replicas = listed.unwrap_or_default().to_vec();
        // DNS named it a moment ago.
        let tried = attempt.filter(|it| replicas.iter().all(|listed| listed.pod != it.pod));
        replicas.extend(tried.map(|it| Listed { pod: it.pod.clone(), address: None }));
        let pods = pods(&primary, address, &replicas, notice)?;
        let target = attempt.map_or(primary.to_string(), |attempt| attempt.pod.to_string());
        let target = pods.iter().find(|pod| pod.name == target && pod.answers);
        Some(Self {
            frame: Frame::of(pods.len()),
            way: match target {
                Some(pod) if !pod.is_trouble => format!(" lit d{}", pod.ordinal),
                _ => " lit".to_owned(),
            },
            y: target.map(|pod| pod.y),
            answer: match (attempt, listed) {
                (Some(_), None) => "no answer".to_owned(),
                (Some(_), Some(_)) => {
                    format!("{} pods", pods.iter().filter(|pod| pod.answers).count())
                }
                (None, _) => address.unwrap_or_else(|what| what).to_owned(),
            },
            text: text(target, &pods),
            caption: caption(host, address, attempt, listed.is_some()),
            pods,
        })
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
    let replicas: Vec<_> = replicas.collect();
    let frame = Frame::of(replicas.len() + 1);
    let mut pods = vec![primary_pod(primary, ordinal, address, notice, frame.row(0))];
    pods.extend(replicas.iter().enumerate().map(|(index, (listed, ordinal))| {
        other_pod(listed, *ordinal, attempt(notice), frame.row(index + 1))
    }));
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
            let (primary, _) = pod_and_service(host);
            format!(
                "{found_under}: DNS names the pods. This once write-app took {pod} instead of {primary}.{others}"
            )
        }
        (None, Err(what)) => {
            format!("{host}: DNS has {what}, so write-app can open no connection.{others}")
        }
        (None, Ok(_)) => {
            format!("{host}: DNS has that pod’s own address. Nothing stands in between.{others}")
        }
    }
}

fn primary_pod(
    pod: &PodName,
    ordinal: u8,
    address: Result<&str, &'static str>,
    notice: Option<&Notice<'_>>,
    y: usize,
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
        // MySQL was not asked.
        _ if ordinal == 0 => "primary, by its name",
        _ => "replica, by its name",
    };
    Pod {
        ordinal,
        name: pod.to_string(),
        address: address.unwrap_or_default().to_owned(),
        says: says.to_owned(),
        is_trouble: address.is_err(),
        answers: address.is_ok(),
        y,
    }
}

fn other_pod(listed: &Listed, ordinal: u8, attempt: Option<&Attempt>, y: usize) -> Pod {
    let Listed { pod, address } = listed;
    let attempt = attempt.filter(|attempt| attempt.pod == *pod);
    let refusal = attempt.and_then(|attempt| attempt.refusal.as_ref());
    let says = match (attempt, refusal) {
        (_, Some(refusal)) => format!("refused it: error {}", refusal.number),
        (Some(_), None) => "would have taken it".to_owned(),
        (None, _) if ordinal == 0 => "primary, by its name".to_owned(),
        (None, _) => "replica, by its name".to_owned(),
    };
    let address = address.map(|address| address.to_string()).unwrap_or_default();
    let name = pod.to_string();
    Pod { ordinal, name, address, says, is_trouble: refusal.is_some(), answers: true, y }
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

    fn diagram(address: Result<&str, &'static str>, notice: Option<&Notice>) -> Diagram {
        let replicas = [listed("mysql-1"), listed("mysql-2")];
        Diagram::new("mysql-0.mysql", address, Some(&replicas), notice).unwrap()
    }

    #[test]
    fn a_write_goes_to_the_primary_alone() {
        let diagram = diagram(ADDRESS, None);

        assert_eq!((diagram.way.as_str(), diagram.y), (" lit d0", Some(diagram.pods[0].y)));
        assert_eq!(diagram.answer, "192.0.2.7");
        assert!(diagram.text.contains("straight to mysql-0."), "{}", diagram.text);
        assert!(diagram.text.contains("mysql-2: replica, by its name"), "{}", diagram.text);
        assert_eq!(diagram.pods[2].address, "192.0.2.9");
    }

    #[test]
    fn without_an_address_the_line_ends_at_write_app() {
        for what in ["no address", "no answer"] {
            let diagram = diagram(Err(what), None);

            assert_eq!((diagram.way.as_str(), diagram.y), (" lit", None));
            assert!(diagram.text.contains("and no further"), "{}", diagram.text);
            assert_eq!((diagram.answer.as_str(), diagram.pods[0].says.as_str()), (what, what));
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
        let says = |notice: Option<&Notice>| diagram(ADDRESS, notice).pods[0].says.clone();
        assert_eq!(says(None), "primary, by its name");
        assert_eq!(says(Some(&registered(false, "mysql-0"))), "primary, took the write");
        assert_eq!(says(Some(&registered(true, "mysql-0"))), "primary, has the user");
        assert_eq!(says(Some(&registered(false, "mysql-1"))), "primary, by its name");
        let other =
            Diagram::new("mysql-1.mysql", ADDRESS, Some(&[listed("mysql-0")]), None).unwrap();
        assert_eq!(other.pods[0].says, "replica, by its name");
    }

    #[test]
    fn where_dns_is_silent_the_diagram_says_that_the_other_pods_are_not_known() {
        let silent = Diagram::new("mysql-0.mysql", Err("no answer"), None, None).unwrap();
        assert!(silent.caption.contains("Which other pods there are is not known"));

        let (found_under, refusal) = ("_mysql._tcp.mysql".to_owned(), None);
        let attempt = Attempt { pod: pod("mysql-2"), found_under, refusal };
        let notice = Notice::Attempted(attempt);
        let tried = Diagram::new("mysql-0.mysql", ADDRESS, None, Some(&notice)).unwrap();
        assert_eq!((tried.answer.as_str(), tried.y), ("no answer", Some(tried.pods[1].y)));
    }

    #[test]
    fn an_attempt_goes_to_a_replica_which_refuses_it() {
        let refusal = Refusal { number: 1290, sqlstate: String::new(), message: String::new() };
        let found_under = "_mysql._tcp.mysql".to_owned();
        let attempt = Attempt { pod: pod("mysql-2"), found_under, refusal: Some(refusal) };
        let diagram = diagram(ADDRESS, Some(&Notice::Attempted(attempt)));

        assert_eq!((diagram.way.as_str(), diagram.y), (" lit", Some(diagram.pods[2].y)));
        assert_eq!(diagram.pods[2].says, "refused it: error 1290");
        assert_eq!(diagram.answer, "3 pods");
    }

    #[test]
    fn a_server_that_is_no_pod_has_no_diagram() {
        assert!(Diagram::new("192.0.2.7", ADDRESS, Some(&[]), None).is_none());
        assert!(Diagram::new("localhost", ADDRESS, Some(&[]), None).is_none());
    }
}
