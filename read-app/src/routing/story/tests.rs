use super::*;
use crate::db::Role;
use app_core::mysql::pod_name::PodName;

const OLD: [u8; 4] = [10, 244, 1, 7];
const NEW: [u8; 4] = [10, 244, 1, 9];

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
}

fn pod(address: [u8; 4], name: Option<&str>, state: State) -> Pod {
    let name = name.map(|name| PodName::new(name.to_owned()));
    Pod { name, address: (address, 3306).into(), state, in_flight: 0 }
}

fn answers(address: [u8; 4], name: &str) -> Pod {
    pod(address, Some(name), State::Answers { role: Role::Replica, lag: None })
}

fn silent() -> State {
    State::Silent { since: std::time::Instant::now(), reason: String::new() }
}

fn is_silent(address: [u8; 4], name: &str) -> Pod {
    pod(address, Some(name), silent())
}

/// A server that has not said its name.
fn nameless(address: [u8; 4]) -> Pod {
    pod(address, None, silent())
}

fn behind(milliseconds: u64, is_minimum: bool) -> Pod {
    let time = Duration::from_millis(milliseconds);
    let lag = Some(Lag { time, is_minimum, transactions: None });
    pod(OLD, Some("mysql-1"), State::Answers { role: Role::Replica, lag })
}

/// The story after these looks, each with its second.
fn story<const N: usize>(looks: [(i64, Vec<Pod>); N]) -> Story {
    let mut story = Story::default();
    looks.iter().for_each(|(second, pods)| story.note(pods, at(*second)));
    story
}

/// The events of mysql-1, each with its second.
fn events(story: &Story) -> Vec<(i64, What)> {
    let events = story.pods().find(|(ordinal, _)| *ordinal == 1).map(|(_, pod)| &pod.events);
    let events = events.into_iter().flatten();
    events.map(|event| (event.at.unix_timestamp(), event.what)).collect()
}

fn again(seconds: i64) -> What {
    What::Answers { seconds, after: After::Silence }
}

#[test]
fn a_pod_that_is_deleted_comes_back_at_another_address() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (7, vec![is_silent(OLD, "mysql-1")]),
        (8, vec![is_silent(OLD, "mysql-1")]),
        (9, vec![]),
        (15, vec![nameless(NEW)]),
        (17, vec![answers(NEW, "mysql-1")]),
        (18, vec![answers(NEW, "mysql-1")]),
    ]);

    let expected = [
        (7, What::Stopped),
        (9, What::Left { address: OLD.into(), is_last: true }),
        (15, What::NamedAgain { address: NEW.into(), was: Some(OLD.into()) }),
        (17, again(10)),
    ];
    assert_eq!(events(&story), expected);
    assert_eq!(story.seen(Experiment::Deleted), Some((at(17), 1)));
    assert_eq!(story.seen(Experiment::Frozen), None);
}

#[test]
fn until_its_server_says_a_name_a_new_address_belongs_to_no_pod() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (9, vec![]),
        (15, vec![nameless(NEW)]),
        (16, vec![nameless(NEW)]),
    ]);

    assert_eq!(events(&story).len(), 1, "it left, and nothing more is known");
    assert_eq!(story.nameless().collect::<Vec<_>>(), [(at(15), NEW.into())]);
    assert_eq!(story.seen(Experiment::Deleted), None, "it is not back yet");
}

#[test]
fn a_pod_comes_back_at_the_same_address_as_in_the_demo() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (2, vec![]),
        (6, vec![nameless(OLD)]),
        (9, vec![answers(OLD, "mysql-1")]),
    ]);

    let expected = [
        (2, What::Left { address: OLD.into(), is_last: true }),
        (6, What::NamedAgain { address: OLD.into(), was: None }),
        (9, What::Answers { seconds: 7, after: After::Leaving }),
    ];
    assert_eq!(events(&story), expected);
    assert_eq!(story.seen(Experiment::Deleted), Some((at(9), 1)));
}

/// While DNS is silent, the list of addresses stays.
#[test]
fn nothing_has_left_while_dns_is_silent() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (7, vec![is_silent(OLD, "mysql-1")]),
        (30, vec![is_silent(OLD, "mysql-1")]),
        (31, vec![answers(OLD, "mysql-1")]),
    ]);

    assert_eq!(events(&story), [(7, What::Stopped), (31, again(24))]);
    assert_eq!(story.seen(Experiment::Deleted), None);
    assert_eq!(story.seen(Experiment::Frozen), Some((at(31), 1)));
}

#[test]
fn of_two_addresses_with_one_name_each_is_told_and_the_pod_is_not_said_to_have_left() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (7, vec![is_silent(OLD, "mysql-1")]),
        (9, vec![is_silent(OLD, "mysql-1"), nameless(NEW)]),
        (12, vec![is_silent(OLD, "mysql-1"), answers(NEW, "mysql-1")]),
        (20, vec![answers(NEW, "mysql-1")]),
    ]);

    let expected = [
        (7, What::Stopped),
        (9, What::NamedToo { address: NEW.into() }),
        (12, again(5)),
        (20, What::Left { address: OLD.into(), is_last: false }),
    ];
    assert_eq!(events(&story), expected);
    assert_eq!(story.seen(Experiment::Deleted), Some((at(12), 1)));
}

#[test]
fn the_old_address_is_not_said_to_be_the_last_while_a_server_may_be_this_pod() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (8, vec![is_silent(OLD, "mysql-1"), nameless(NEW)]),
        (9, vec![nameless(NEW)]),
        (12, vec![answers(NEW, "mysql-1")]),
    ]);

    let expected = [
        (8, What::Stopped),
        (9, What::Left { address: OLD.into(), is_last: false }),
        (9, What::NamedAgain { address: NEW.into(), was: Some(OLD.into()) }),
        (12, again(4)),
    ];
    assert_eq!(events(&story), expected);
}

#[test]
fn a_pod_that_is_added_is_new_and_the_pods_of_the_first_list_are_not() {
    let first = || answers(OLD, "mysql-0");
    let story = story([
        (0, vec![first(), nameless([10, 244, 1, 8])]),
        (1, vec![first(), answers([10, 244, 1, 8], "mysql-2")]),
        (3, vec![first(), answers([10, 244, 1, 8], "mysql-2"), nameless(NEW)]),
        (19, vec![first(), answers([10, 244, 1, 8], "mysql-2"), answers(NEW, "mysql-1")]),
    ]);

    let answer = What::Answers { seconds: 16, after: After::Joining };
    assert_eq!(events(&story), [(3, What::IsNew { address: NEW.into() }), (19, answer)]);
    assert_eq!(story.pods().count(), 1, "mysql-0 and mysql-2 have no story");
    assert_eq!(story.seen(Experiment::Added), Some((at(19), 1)));
}

#[test]
fn a_pod_that_is_scaled_down_has_left_and_is_not_said_to_be_back() {
    let story = story([
        (0, vec![answers(OLD, "mysql-0"), answers(NEW, "mysql-1")]),
        (4, vec![answers(OLD, "mysql-0"), is_silent(NEW, "mysql-1")]),
        (5, vec![answers(OLD, "mysql-0")]),
        (99, vec![answers(OLD, "mysql-0")]),
    ]);

    let left = What::Left { address: NEW.into(), is_last: true };
    assert_eq!(events(&story), [(4, What::Stopped), (5, left)]);
    assert_eq!(story.seen(Experiment::Deleted), None);
}

#[test]
fn the_absence_of_the_primary_is_seen_after_some_seconds() {
    let looks = |last| {
        story([
            (0, vec![answers(OLD, "mysql-0")]),
            (7, vec![is_silent(OLD, "mysql-0")]),
            (last, vec![is_silent(OLD, "mysql-0")]),
        ])
    };
    assert_eq!(looks(9).seen_away(0), None, "it may only be busy");
    assert_eq!(looks(10).seen_away(0), Some(at(7)));
    assert_eq!(looks(10).seen_away(1), None);
}

#[test]
fn a_pod_that_flaps_keeps_its_last_events_and_leaves_those_of_the_others() {
    let other = || is_silent(NEW, "mysql-2");
    let mut story = story([
        (0, vec![answers(OLD, "mysql-1"), answers(NEW, "mysql-2")]),
        (1, vec![answers(OLD, "mysql-1"), other()]),
    ]);
    for second in 2..100 {
        let flapping =
            if second % 2 == 0 { is_silent(OLD, "mysql-1") } else { answers(OLD, "mysql-1") };
        story.note(&[flapping, other()], at(second));
    }

    let expected = [(95, again(1)), (96, What::Stopped), (97, again(1))];
    assert_eq!(events(&story)[..3], expected);
    assert_eq!(events(&story).len(), KEPT_OF_A_POD);
    assert_eq!(story.seen(Experiment::Frozen), None, "each silence was short");
    assert_eq!(story.pods().count(), 2);
}

#[test]
fn servers_with_other_names_have_no_story_and_take_no_room_from_the_pods() {
    let foreign = |second: u8| {
        let names = ["db-1", "mysql-01", "mysql-36", "mysql-99999999999", "", "mysql-1.evil"];
        let server = |(place, name): (u8, &&str)| answers([192, 0, second, place], name);
        (0..).zip(&names).map(server).collect::<Vec<_>>()
    };
    let mut story =
        story([(0, vec![answers(OLD, "mysql-1")]), (1, vec![is_silent(OLD, "mysql-1")])]);
    for second in 2..200 {
        let mut pods = foreign(second);
        pods.push(is_silent(OLD, "mysql-1"));
        story.note(&pods, at(second.into()));
    }

    assert_eq!(events(&story), [(1, What::Stopped)]);
    assert_eq!(story.pods().count(), 1);
    assert_eq!(story.addresses.len(), 7, "addresses that left are forgotten");
}

#[test]
fn an_address_that_another_pod_gets_is_told_of_both() {
    let story = story([
        (0, vec![answers(OLD, "mysql-1"), answers(NEW, "mysql-2")]),
        (1, vec![answers(NEW, "mysql-2")]),
        (5, vec![answers(NEW, "mysql-1")]),
    ]);

    let expected = [
        (1, What::Left { address: OLD.into(), is_last: true }),
        (5, What::NamedAgain { address: NEW.into(), was: Some(OLD.into()) }),
        (5, What::Answers { seconds: 4, after: After::Leaving }),
    ];
    assert_eq!(events(&story), expected);
    let other = story.pods().find(|(ordinal, _)| *ordinal == 2).unwrap().1;
    assert_eq!(other.events[0].what, What::Left { address: NEW.into(), is_last: true });
}

#[test]
fn a_replica_is_far_behind_once_and_has_caught_up_when_that_was_seen() {
    let story = story([
        (0, vec![behind(0, false)]),
        (1, vec![behind(4_900, false)]),
        (2, vec![behind(5_100, false)]),
        (3, vec![behind(9_000, false)]),
        (4, vec![behind(3_000, false)]),
        (5, vec![behind(0, true)]),
        (6, vec![behind(200, false)]),
    ]);

    assert_eq!(events(&story), [(2, What::FarBehind), (6, What::CaughtUp)]);
    assert_eq!(story.seen(Experiment::Lagged), Some((at(2), 1)));
}

#[test]
fn a_look_that_has_not_been_made_tells_nothing() {
    let unknown = || pod(OLD, Some("mysql-1"), State::Unknown);
    let story = story([
        (0, vec![answers(OLD, "mysql-1")]),
        (1, vec![unknown()]),
        (2, vec![answers(OLD, "mysql-1")]),
    ]);
    assert_eq!(events(&story), []);
}

#[test]
fn a_clock_that_is_set_back_does_not_turn_the_story_round() {
    let story = story([
        (100, vec![answers(OLD, "mysql-1")]),
        (107, vec![is_silent(OLD, "mysql-1")]),
        (50, vec![answers(OLD, "mysql-1")]),
    ]);
    assert_eq!(events(&story), [(107, What::Stopped), (107, again(0))]);
}

#[test]
fn of_a_cache_the_first_sight_is_kept() {
    let mut story = Story::default();
    assert_eq!(story.cached(), None);
    story.note_cache(at(3));
    story.note_cache(at(4));
    assert_eq!(story.cached(), Some(at(3)));
}
