//! The diagram of a write: the browser, write-app, and the one pod that DNS has under the primary's name.

use app_core::{
    html::diagram::{Frame, Pod},
    mysql::pod_name::PodName,
};

use super::notice::Notice;
use crate::db::replicas::{Attempt, pod_and_service};

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
    /// None where the host is not the name of a pod of a StatefulSet.
    pub(crate) fn new(
        host: &str,
        address: Option<&str>,
        replicas: &[PodName],
        notice: Option<&Notice<'_>>,
    ) -> Option<Self> {
        let (pod, _) = pod_and_service(host);
        let primary = PodName::new(pod.to_owned());
        let pods = pods(&primary, address, replicas, notice)?;
        let attempt = attempt(notice);
        let target = attempt.map_or(primary.to_string(), |attempt| attempt.pod.to_string());
        let target = pods.iter().find(|pod| pod.name == target && pod.answers);
        let listed = pods.iter().filter(|pod| pod.answers).count();
        Some(Self {
            frame: Frame::of(pods.len()),
            way: match target {
                Some(pod) if !pod.is_trouble => format!(" lit d{}", pod.ordinal),
                _ => " lit".to_owned(),
            },
            y: target.map(|pod| pod.y),
            answer: match attempt {
                Some(_) => format!("{listed} pods"),
                None => address.unwrap_or("no address").to_owned(),
            },
            text: text(target, &pods),
            caption: caption(host, address, attempt),
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
    address: Option<&str>,
    replicas: &[PodName],
    notice: Option<&Notice<'_>>,
) -> Option<Vec<Pod>> {
    let ordinal = primary.ordinal().parse().ok()?;
    let replicas = replicas.iter().filter_map(|pod| Some((pod, pod.ordinal().parse().ok()?)));
    let replicas: Vec<_> = replicas.collect();
    let frame = Frame::of(replicas.len() + 1);
    let mut pods = vec![primary_pod(primary, ordinal, address, notice, frame.row(0))];
    pods.extend(replicas.iter().enumerate().map(|(index, (pod, ordinal))| {
        replica_pod(pod, *ordinal, primary, attempt(notice), frame.row(index + 1))
    }));
    Some(pods)
}

fn caption(host: &str, address: Option<&str>, attempt: Option<&Attempt>) -> String {
    match (attempt, address) {
        (Some(attempt), _) => format!(
            "{}: DNS names every pod. This once write-app took one that is not the primary.",
            attempt.found_under
        ),
        (None, None) => format!("{host}: DNS has no address, so no write can go anywhere."),
        (None, Some(_)) => {
            format!("{host}: DNS has one address, the primary’s own. Nothing stands in between.")
        }
    }
}

fn primary_pod(
    pod: &PodName,
    ordinal: u8,
    address: Option<&str>,
    notice: Option<&Notice<'_>>,
    y: usize,
) -> Pod {
    let says = match (address, notice) {
        (None, _) => "no address now",
        (_, Some(Notice::Registered(_))) => "primary, took the write",
        _ => "primary, takes writes",
    };
    Pod {
        ordinal,
        name: pod.to_string(),
        address: address.unwrap_or_default().to_owned(),
        says: says.to_owned(),
        is_trouble: address.is_none(),
        answers: address.is_some(),
        y,
    }
}

fn replica_pod(
    pod: &PodName,
    ordinal: u8,
    primary: &PodName,
    attempt: Option<&Attempt>,
    y: usize,
) -> Pod {
    let attempt = attempt.filter(|attempt| attempt.pod == *pod);
    let refusal = attempt.and_then(|attempt| attempt.refusal.as_ref());
    let says = match (attempt, refusal) {
        (_, Some(refusal)) => format!("refused it: error {}", refusal.number),
        (Some(_), None) => "would have taken it".to_owned(),
        (None, _) => format!("replica, copies {primary}"),
    };
    let (name, address) = (pod.to_string(), String::new());
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
    use crate::db::replicas::Refusal;

    const ADDRESS: Option<&str> = Some("192.0.2.7");

    fn pod(name: &str) -> PodName {
        PodName::new(name.to_owned())
    }

    fn diagram(address: Option<&str>, notice: Option<&Notice>) -> Diagram {
        let replicas = [pod("mysql-1"), pod("mysql-2")];
        Diagram::new("mysql-0.mysql", address, &replicas, notice).unwrap()
    }

    #[test]
    fn a_write_goes_to_the_primary_alone() {
        let diagram = diagram(ADDRESS, None);

        assert_eq!((diagram.way.as_str(), diagram.y), (" lit d0", Some(diagram.pods[0].y)));
        assert_eq!(diagram.answer, "192.0.2.7");
        assert!(diagram.text.contains("straight to mysql-0."), "{}", diagram.text);
        assert!(diagram.text.contains("mysql-2: replica, copies mysql-0"), "{}", diagram.text);
    }

    #[test]
    fn without_an_address_the_line_ends_at_write_app() {
        let diagram = diagram(None, None);

        assert_eq!((diagram.way.as_str(), diagram.y), (" lit", None));
        assert!(diagram.text.contains("and no further"), "{}", diagram.text);
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
        assert!(Diagram::new("192.0.2.7", ADDRESS, &[], None).is_none());
        assert!(Diagram::new("localhost", ADDRESS, &[], None).is_none());
    }
}
