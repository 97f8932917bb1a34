//! The way of a write as a picture: browser, write-app, and the one pod that DNS has under its name.

use app_core::{
    html::diagram::{Frame, Pod},
    mysql::pod_name::PodName,
};

use crate::{
    db::replicas::{Attempt, pod_and_service},
    page::News,
};

/// The picture's numbers and words; the template draws them.
pub(crate) struct Picture {
    pub(crate) frame: Frame,
    /// The primary, then the replicas.
    pub(crate) pods: Vec<Pod>,
    /// The classes of the way from the browser to write-app, and on to the pod.
    pub(crate) way: String,
    /// How far down that way ends. None where it ends at write-app.
    pub(crate) y: Option<usize>,
    /// What DNS answered.
    pub(crate) answer: String,
    /// The picture in words.
    pub(crate) text: String,
    pub(crate) caption: String,
}

impl Picture {
    /// None where writes do not go to a pod of a StatefulSet by its own name.
    pub(crate) fn new(
        host: &str,
        address: Option<&str>,
        replicas: &[PodName],
        news: &News<'_>,
    ) -> Option<Self> {
        let (pod, _) = pod_and_service(host);
        let primary = PodName::new(pod.to_owned());
        let pods = pods(&primary, address, replicas, news)?;
        let attempt = attempt(news);
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

fn attempt<'a>(news: &'a News<'_>) -> Option<&'a Attempt> {
    match news {
        News::Attempted(attempt) => Some(attempt),
        _ => None,
    }
}

/// The primary first. None where its name has no ordinal.
fn pods(
    primary: &PodName,
    address: Option<&str>,
    replicas: &[PodName],
    news: &News<'_>,
) -> Option<Vec<Pod>> {
    let ordinal = primary.ordinal().parse().ok()?;
    let replicas = replicas.iter().filter_map(|pod| Some((pod, pod.ordinal().parse().ok()?)));
    let replicas: Vec<_> = replicas.collect();
    let frame = Frame::of(replicas.len() + 1);
    let mut pods = vec![drawn_primary(primary, ordinal, address, news, frame.row(0))];
    pods.extend(replicas.iter().enumerate().map(|(index, (pod, ordinal))| {
        drawn_replica(pod, *ordinal, primary, attempt(news), frame.row(index + 1))
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

fn drawn_primary(
    pod: &PodName,
    ordinal: u8,
    address: Option<&str>,
    news: &News<'_>,
    y: usize,
) -> Pod {
    let says = match (address, news) {
        (None, _) => "no address now",
        (_, News::Registered(_)) => "primary, took the write",
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

fn drawn_replica(
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

    fn picture(address: Option<&str>, news: &News) -> Picture {
        let replicas = [pod("mysql-1"), pod("mysql-2")];
        Picture::new("mysql-0.mysql", address, &replicas, news).unwrap()
    }

    #[test]
    fn a_write_goes_to_the_primary_alone() {
        let picture = picture(ADDRESS, &News::Nothing);

        assert_eq!((picture.way.as_str(), picture.y), (" lit d0", Some(picture.pods[0].y)));
        assert_eq!(picture.answer, "192.0.2.7");
        assert!(picture.text.contains("straight to mysql-0."), "{}", picture.text);
        assert!(picture.text.contains("mysql-2: replica, copies mysql-0"), "{}", picture.text);
    }

    #[test]
    fn without_its_address_the_way_ends_at_write_app() {
        let picture = picture(None, &News::Nothing);

        assert_eq!((picture.way.as_str(), picture.y), (" lit", None));
        assert!(picture.text.contains("and no further"), "{}", picture.text);
    }

    #[test]
    fn an_attempt_goes_to_its_replica_which_refuses_it() {
        let refusal = Refusal { number: 1290, sqlstate: String::new(), message: String::new() };
        let found_under = "_mysql._tcp.mysql".to_owned();
        let attempt = Attempt { pod: pod("mysql-2"), found_under, refusal: Some(refusal) };
        let picture = picture(ADDRESS, &News::Attempted(attempt));

        assert_eq!((picture.way.as_str(), picture.y), (" lit", Some(picture.pods[2].y)));
        assert_eq!(picture.pods[2].says, "refused it: error 1290");
        assert_eq!(picture.answer, "3 pods");
    }

    #[test]
    fn a_server_that_is_no_pod_has_no_picture() {
        assert!(Picture::new("192.0.2.7", ADDRESS, &[], &News::Nothing).is_none());
        assert!(Picture::new("localhost", ADDRESS, &[], &News::Nothing).is_none());
    }
}
