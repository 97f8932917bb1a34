//! What the page says in states that no test can bring about in MySQL or DNS.

use app_core::config::RunsIn;

use super::*;
use crate::page::flash::Flash;

fn listed(pod: &str, address: Option<[u8; 4]>) -> Listed {
    Listed { pod: PodName::new(pod.into()), address: address.map(Into::into) }
}

fn two_replicas() -> Vec<Listed> {
    vec![listed("mysql-1", Some([192, 0, 2, 8])), listed("mysql-2", None)]
}

/// The page, rendered in this state.
fn page(
    notice: Option<Notice>,
    problem: Option<Problem>,
    replicas: Option<Vec<Listed>>,
    typed: &Typed,
) -> String {
    let host = "mysql-0.mysql";
    let layout = Layout {
        app: "write-app",
        other_app: "read-app",
        other_app_url: "http://node/".into(),
        large: false,
        runs_in: RunsIn::default(),
        path: "/".into(),
    };
    let answered = Some(Duration::from_secs(40));
    let trouble = problem.map(|problem| Trouble { problem, answered });
    let address = Ok("192.0.2.7".to_owned());
    let (address_of_host, listed) = (Ok("192.0.2.7"), replicas.as_deref());
    let known = Known {
        host,
        address: address_of_host,
        listed,
        notice: notice.as_ref(),
        read_app: "http://192.0.2.1/",
    };
    let drawing = drawing(&known);
    let page = Page { layout, notice, typed, host, address, trouble, replicas, drawing };
    page.render().unwrap()
}

fn registered(acknowledged: Option<bool>, replicas: Option<u64>) -> Notice<'static> {
    let pod = PodName::new("mysql-0".into());
    let (gtid, commit_ms) = (None, Some(2));
    let registered =
        Registered { id: 57, pod, gtid, acknowledged, replicas, commit_ms, repeated: false };
    Notice::Registered(Flash { name: "Ada".into(), registered })
}

/// The text without its elements, and with single spaces.
fn text(page: &str) -> String {
    let text = page.split('<').map(|part| part.split_once('>').map_or(part, |it| it.1));
    text.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_replica_is_named_only_where_it_alone_can_have_acknowledged_the_commit() {
    let one = || vec![listed("mysql-1", None)];
    for (connected, listed, says) in [
        (Some(1), Some(one()), "acknowledged by mysql-1 in 2"),
        (Some(1), Some(two_replicas()), "acknowledged by a replica in 2"),
        (Some(1), Some(vec![]), "acknowledged by a replica in 2"),
        (Some(1), None, "acknowledged by a replica in 2"),
        (Some(2), Some(two_replicas()), "acknowledged by one of 2 replicas in 2"),
        (Some(2), Some(one()), "acknowledged by one of 2 replicas in 2"),
        (None, Some(one()), "acknowledged by a replica in 2"),
        (Some(0), Some(one()), "acknowledged by a replica in 2"),
    ] {
        let case = format!("{connected:?} {listed:?}");
        let notice = registered(Some(true), connected);

        let said = text(&page(Some(notice), None, listed, &Typed::default()));

        assert!(said.contains(says), "{case}: {said}");
        let is_named = says.contains("mysql-1");
        assert_eq!(said.contains("MySQL does not say which"), !is_named, "{case}: {said}");
        assert!(said.contains("So the user is safe"), "{case}: {said}");
    }
}

#[test]
fn a_user_is_called_safe_only_where_a_replica_is_known_to_have_the_row() {
    for (acknowledged, says) in
        [(Some(false), "So the user is not safe yet"), (None, "not known whether the user is safe")]
    {
        let notice = registered(acknowledged, Some(1));

        let said = text(&page(Some(notice), None, Some(two_replicas()), &Typed::default()));

        assert!(said.contains(says) && !said.contains("So the user is safe"), "{said}");
    }
}

#[test]
fn a_pod_whose_address_is_not_known_says_so() {
    let said = text(&page(None, None, Some(two_replicas()), &Typed::default()));
    for pod in [
        "mysql-0 192.0.2.7 primary",
        "mysql-1 192.0.2.8 replica",
        "mysql-2 address not known replica",
    ] {
        assert!(said.contains(pod), "{pod}: {said}");
    }
    let silent = text(&page(None, None, None, &Typed::default()));
    assert!(silent.contains("Which other pods there are is not known now"), "{silent}");
}

#[test]
fn a_primary_that_may_run_is_not_said_to_be_gone() {
    for (problem, says) in [
        (Problem::NoDns, "mysql-0 itself may run"),
        (Problem::Refused("MySQL has no connection left."), "MySQL has no connection left."),
    ] {
        let said = text(&page(None, Some(problem), None, &Typed::default()));

        assert!(said.contains(says) && !said.contains("cannot be reached"), "{said}");
        assert!(said.contains("If mysql-0 is gone"), "the list stays at the end: {said}");
    }
}

#[test]
fn the_page_never_offers_to_load_again_what_would_lose_typed_text() {
    let typed = Typed { name: "Ada".into(), email: String::new() };
    for (typed, is_offered) in [(Typed::default(), true), (typed, false)] {
        let page = page(None, Some(Problem::NoAddress), None, &typed);

        assert_eq!(page.contains(">Look again</a>"), is_offered, "{page}");
        assert!(!page.contains("http-equiv"), "nothing loads the page by itself: {page}");
    }
}

#[test]
fn a_time_that_has_passed_is_given_in_the_unit_that_a_person_would_use() {
    for (seconds, text) in [
        (0, "less than a second ago"),
        (1, "a second ago"),
        (119, "119 seconds ago"),
        (120, "2 minutes ago"),
        (7_199, "119 minutes ago"),
        (7_200, "2 hours ago"),
    ] {
        assert_eq!(ago(&Duration::from_secs(seconds)), text);
    }
}
