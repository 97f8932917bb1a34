use super::*;
use crate::{
    api::dns::NamesView,
    db::Role,
    page::{dns::tests::names, dots::Dots},
    routing::{mode::Mode, watch::State},
};

pub(in crate::page) fn pod(ordinal: u8, answers: bool) -> PodView {
    let role = if ordinal == 0 { Role::Primary } else { Role::Replica };
    let silent = State::Silent { since: std::time::Instant::now(), reason: String::new() };
    PodView {
        ordinal,
        name: format!("mysql-{ordinal}"),
        address: format!("192.0.2.{ordinal}"),
        state: if answers { State::Answers { role, lag: None } } else { silent },
        answered_since: false,
    }
}

fn mode(via: Via, with: With, strategy: Strategy) -> Mode {
    Mode { via, with, strategy, user: "ada".to_owned() }
}

fn said_with(names: &NamesView, mode: &Mode, dots: &str, pods: &[PodView]) -> String {
    let dots = Dots::read(dots);
    Lane { mode: mode.clone(), dots: &dots, pods, names }.sentences()
}

/// What is said where DNS lists these pods.
fn said(mode: &Mode, dots: &str, pods: &[PodView]) -> String {
    let addresses: Vec<_> = pods.iter().map(|pod| pod.address.as_str()).collect();
    let ordinals: Vec<_> = pods.iter().map(|pod| pod.ordinal).collect();
    said_with(&names(Some(&addresses), Some(&ordinals)), mode, dots, pods)
}

/// A mode, dots, and a part of what is said of them where both pods answer.
type Case<'a> = (&'a Mode, &'a str, &'a str);

fn each_is_said(cases: &[Case]) {
    let pods = [pod(0, true), pod(1, true)];
    for (mode, dots, part) in cases {
        let sentence = said(mode, dots, &pods);
        assert!(sentence.contains(part), "{mode:?} {dots}: {sentence}");
    }
}

#[test]
fn the_sentences_about_mysql_read_are_about_these_dots() {
    let plain = Mode::default();
    let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
    each_is_said(&[
        (&plain, "", "Ask"),
        (&plain, "01", "so usually chance decides: 2 queries are few"),
        (&plain, &"01".repeat(15), "mysql-0 answered 15 and mysql-1 15"),
        (&plain, &"1".repeat(30), "all 30 met mysql-1: is no other ready?"),
        (&plain, &"01".repeat(120), "by now it evens out: mysql-0"),
        (&plain, &"0001".repeat(60), "may have come or gone"),
        (&plain, "01U", "no connection could be opened. mysql-read keeps its address"),
        (&plain, "0S", "no answer of a pod: the cluster’s DNS gave no answer."),
        (&plain, "0F", "no answer of a pod: a server answered that is not called mysql-0"),
        (&pool, "1", "The last query went to mysql-1"),
        (&pool, "11111", "The last 5 went to mysql-1"),
        (&pool, "000111", "Before that it was another connection"),
    ]);
}

#[test]
fn the_sentences_about_a_strategy_are_about_these_dots() {
    let [drawn, turns, sticky] = [Strategy::Random, Strategy::RoundRobin, Strategy::Sticky]
        .map(|strategy| mode(Via::Mysql, With::New, strategy));
    let no_user = Mode { user: String::new(), ..sticky.clone() };
    each_is_said(&[
        (&drawn, "01", "so chance decides: 2 queries are few"),
        (&drawn, &"1".repeat(30), "all 30 met mysql-1: does no other answer?"),
        (&turns, "0", "the next query takes the next address"),
        (&turns, "0101", "in turn: mysql-0 answered 2 and mysql-1 2. Chance has no part"),
        (&turns, "0110", "another client or read-app took a turn"),
        (&turns, "01UU01", "Chance has no part"),
        (&sticky, "111", "“ada” gets mysql-1 each time"),
        (&sticky, "0111", "“ada” gets mysql-1 now"),
        (&no_user, "00", "Type a name"),
    ]);
}

#[test]
fn a_silent_pod_matters_most() {
    let pods = [pod(0, true), pod(1, false)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    assert!(said(&headless, "0101", &pods).contains("may be kept for 24 s more"));
    assert!(said(&Mode::default(), "0101", &pods).contains("mysql-read sends it no new"));
    assert!(!said(&Mode::default(), "0000", &pods).contains("does not answer"));
}

#[test]
fn of_a_silent_pod_the_page_says_what_dns_gives_and_not_more() {
    let pods = [pod(0, true), pod(1, false)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    let said =
        |addresses: Option<&[&str]>| said_with(&names(addresses, None), &headless, "0101", &pods);
    assert!(said(Some(&["192.0.2.1"])).contains("DNS still gives its address"));
    assert!(said(Some(&["192.0.2.0"])).starts_with("mysql-1 does not answer. Only"));
    assert!(said(None).contains("DNS gives no answer: this client keeps the addresses"));
}

#[test]
fn a_pod_that_left_dns_is_news_for_two_rows() {
    let pods = [pod(0, true)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    assert!(said(&headless, "010", &pods).contains("mysql-1 has left the answer of DNS"));
    assert!(said(&Mode::default(), "010", &pods).contains("mysql-1 has left the answer"));
    let later = format!("01{}", "0".repeat(RECENT));
    assert!(!said(&headless, &later, &pods).contains("has left"));
}

#[test]
fn a_pod_is_not_said_to_have_left_while_dns_is_silent_or_lists_it() {
    let pods = [pod(0, true)];
    for names in [names(None, None), names(Some(&["192.0.2.9"]), Some(&[0, 1]))] {
        let said = said_with(&names, &Mode::default(), "010", &pods);
        assert!(!said.contains("has left"), "{said}");
    }
}

#[test]
fn there_are_two_sentences_at_most_of_250_bytes() {
    let few: Vec<_> = (0..2).map(|ordinal| pod(ordinal, true)).collect();
    let many: Vec<_> = (0..9).map(|ordinal| pod(ordinal, ordinal != 3)).collect();
    let modes = [Via::MysqlRead, Via::Mysql].into_iter().flat_map(|via| {
        let connections = [With::New, With::Pool].into_iter();
        connections.flat_map(move |with| Strategy::ALL.map(|strategy| mode(via, with, strategy)))
    });
    for mode in modes {
        for dots in ["", "0", "0U1", "01U", "0110", "2", &"01".repeat(120), &"012345678".repeat(26)]
        {
            for pods in [&few, &many] {
                let said = said(&mode, dots, pods);
                let sentences = said.matches(['.', '?']).count();
                assert!((1..=2).contains(&sentences) && said.len() <= 250, "{said}");
            }
        }
    }
}

#[test]
fn a_share_is_expected_of_pods_that_have_answered_here_and_of_no_other() {
    let (pods, names) = ([pod(0, true), pod(1, true), pod(2, true)], names(None, None));
    let expected = |mode: &Mode, dots: &str, ordinal| {
        let dots = Dots::read(dots);
        Lane { mode: mode.clone(), dots: &dots, pods: &pods, names: &names }.expected(ordinal)
    };
    let both = "01".repeat(FEW / 2);
    assert_eq!(expected(&Mode::default(), &both, 0), Some(0.5));
    // It answers its watcher, and may not be ready.
    assert_eq!(expected(&Mode::default(), &both, 2), None);
    assert_eq!(expected(&Mode::default(), "01", 0), None, "two are few");
    let slow_ones_get_fewer = mode(Via::Mysql, With::New, Strategy::LeastConnections);
    assert_eq!(expected(&slow_ones_get_fewer, &both, 0), None);
    let pool = mode(Via::MysqlRead, With::Pool, Strategy::RoundRobin);
    assert_eq!((expected(&pool, &both, 0), expected(&pool, &both, 1)), (Some(0.0), Some(1.0)));
}
