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
        (&plain, "", "a dot shows which pod answered"),
        (&plain, "0", "usually at random. The next query may reach another pod."),
        (&plain, "01", "picks a pod for it, usually at random. 2 queries are few"),
        (&plain, &"01".repeat(15), "(mysql-0: 15, mysql-1: 15). A pool’s connection stays"),
        (&plain, &"1".repeat(30), "Yet all 30 reached mysql-1: is no other pod ready?"),
        (&plain, &"01".repeat(60), "and the shares even out (mysql-0: 60"),
        (&plain, &"0001".repeat(30), "uneven (mysql-0: 90, mysql-1: 30); perhaps a pod"),
        (&plain, "01U", "read-app could not connect. mysql-read keeps its address"),
        (&plain, "0S", "No pod answered the last query: the cluster’s DNS gave no answer."),
        (&plain, "0F", "query: a server answered, but its name is not mysql-0"),
        (&pool, "1", "The last query went to mysql-1. Each connection of a pool stays"),
        (&pool, "11111", "The last 5 queries went to mysql-1"),
        (&pool, "000111", "the earlier dots came over another one"),
        (
            &pool,
            "1",
            "close connections after some minutes, or use headless mysql with a pool per pod",
        ),
    ]);
}

#[test]
fn the_sentences_about_a_strategy_are_about_these_dots() {
    let [drawn, turns, sticky] = [Strategy::Random, Strategy::RoundRobin, Strategy::Sticky]
        .map(|strategy| mode(Via::Mysql, With::New, strategy));
    let no_user = Mode { user: String::new(), ..sticky.clone() };
    let pools = turns.other_connections();
    each_is_said(&[
        (&drawn, "01", "It picks one at random for each query. 2 queries are few"),
        (&drawn, &"01".repeat(15), "So reads spread (mysql-0: 15, mysql-1: 15)."),
        (&drawn, &"1".repeat(30), "Yet all 30 reached mysql-1: does no other pod answer?"),
        (&turns, "0", "gets every pod’s address from DNS. It takes the pods in turn."),
        (&turns, "0101", "in turn (mysql-0: 2, mysql-1: 2). Nothing here is random"),
        (&turns, "0110", "another client or read-app took a turn"),
        (&turns, "01UU01", "Nothing here is random"),
        (&pools, "01", "With a pool for each pod, read-app picks a pod for each query. It takes"),
        (&sticky, "111", "“ada” always gets mysql-1"),
        (&sticky, "0111", "“ada” now gets mysql-1"),
        (&no_user, "00", "so every query now goes to mysql-0. Type one"),
    ]);
}

#[test]
fn a_silent_pod_matters_most() {
    let pods = [pod(0, true), pod(1, false)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    assert!(said(&headless, "0101", &pods).contains("a cache may repeat it for 24 s more"));
    assert!(said(&Mode::default(), "0101", &pods).contains("The cluster stops sending it new"));
    assert!(!said(&Mode::default(), "0000", &pods).contains("does not answer"));
}

#[test]
fn of_a_silent_pod_the_page_says_what_dns_gives_and_not_more() {
    let pods = [pod(0, true), pod(1, false)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    let said =
        |addresses: Option<&[&str]>| said_with(&names(addresses, None), &headless, "0101", &pods);
    assert!(said(Some(&["192.0.2.1"])).contains("DNS still gives its address"));
    assert!(said(Some(&["192.0.2.0"])).starts_with("mysql-1 does not answer. With a headless"));
    assert!(said(None).contains("DNS gives no answer, so read-app keeps the addresses"));
}

#[test]
fn a_pod_that_left_dns_is_news_for_two_rows() {
    let pods = [pod(0, true)];
    let headless = mode(Via::Mysql, With::New, Strategy::Random);
    assert!(said(&headless, "010", &pods).contains("no longer names mysql-1, so read-app"));
    assert!(said(&Mode::default(), "010", &pods).contains("no longer names mysql-1. mysql-read"));
    let later = format!("01{}", "0".repeat(RECENT));
    assert!(!said(&headless, &later, &pods).contains("no longer names"));
}

#[test]
fn a_pod_is_not_said_to_have_left_while_dns_is_silent_or_lists_it() {
    let pods = [pod(0, true)];
    for names in [names(None, None), names(Some(&["192.0.2.9"]), Some(&[0, 1]))] {
        let said = said_with(&names, &Mode::default(), "010", &pods);
        assert!(!said.contains("no longer names"), "{said}");
    }
}

#[test]
fn there_are_three_short_sentences_at_most_of_230_bytes() {
    let few: Vec<_> = (0..2).map(|ordinal| pod(ordinal, true)).collect();
    let many: Vec<_> = (0..9).map(|ordinal| pod(ordinal, ordinal != 3)).collect();
    let modes = [Via::MysqlRead, Via::Mysql].into_iter().flat_map(|via| {
        let connections = [With::New, With::Pool].into_iter();
        connections.flat_map(move |with| Strategy::ALL.map(|strategy| mode(via, with, strategy)))
    });
    for mode in modes {
        for dots in [
            "",
            "0",
            "0U1",
            "01U",
            "01N",
            "01F",
            "0110",
            "2",
            &"012".repeat(80),
            &"01".repeat(60),
            &"0001".repeat(60),
            &"012345678".repeat(26),
        ] {
            for pods in [&few, &many] {
                let said = said(&mode, dots, pods);
                let sentences: Vec<_> = said.split_inclusive(['.', '?']).collect();
                let words = sentences.iter().map(|one| one.split_whitespace().count()).max();
                assert!((1..=3).contains(&sentences.len()) && words <= Some(22), "{said}");
                assert!(said.len() <= 230 && said.ends_with(['.', '?']), "{said}");
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
