//! "Last changes": what happened to the pods, in sentences.

use std::{cmp::Reverse, net::IpAddr};

use time::OffsetDateTime;

use crate::{
    page::dots::pod_name,
    routing::story::{After, Event, FAR_BEHIND, Story, What},
    times,
};

/// How many lines the page has room for.
const SHOWN: usize = 6;

/// How many of them may be about addresses without a pod.
const NAMELESS_SHOWN: usize = 2;

/// The lines, and what stands in their place.
pub(super) struct Changes {
    /// The pod with the newest event comes first. The events of one pod stand together, oldest first.
    pub(super) lines: Vec<Line>,
    /// Since when read-app has known the pods.
    pub(super) since: Option<String>,
}

/// One event.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) time: String,
    /// The pod that it is about, where that is known.
    pub(super) ordinal: Option<u8>,
    pub(super) sentence: String,
}

impl Changes {
    /// The last changes of a story, in which `headless` is the name of the headless Service.
    pub(super) fn new(story: &Story, headless: &str, now: OffsetDateTime) -> Self {
        let nameless = nameless(story, headless, now);
        let shown = SHOWN - nameless.len();
        let mut pods: Vec<_> = story.pods().collect();
        pods.sort_by_key(|(_, pod)| Reverse(pod.events.back().map(|event| event.at)));
        // A new address is often the next event of the first pod.
        let place = pods.first().map_or(0, |(_, pod)| pod.events.len().min(shown));
        let mut lines = Vec::new();
        for (ordinal, pod) in pods {
            let older = (pod.events.len() + lines.len()).saturating_sub(shown);
            let newest = pod.events.iter().skip(older);
            lines.extend(newest.map(|event| line(ordinal, *event, headless, now)));
        }
        lines.splice(place..place, nameless);
        Self { lines, since: story.began().map(|began| times::moment(began, now)) }
    }
}

fn nameless(story: &Story, headless: &str, now: OffsetDateTime) -> Vec<Line> {
    let mut newest: Vec<_> = story.nameless().collect();
    newest.sort_by_key(|(since, _)| Reverse(*since));
    newest.truncate(NAMELESS_SHOWN);
    let line = |(since, address): (OffsetDateTime, IpAddr)| Line {
        time: times::moment(since, now),
        ordinal: None,
        sentence: format!("{headless} names {address}, where no server has said its name yet"),
    };
    newest.into_iter().rev().map(line).collect()
}

fn line(ordinal: u8, Event { at, what }: Event, headless: &str, now: OffsetDateTime) -> Line {
    let sentence = sentence(&pod_name(ordinal), headless, what);
    Line { time: times::moment(at, now), ordinal: Some(ordinal), sentence }
}

fn sentence(pod: &str, headless: &str, what: What) -> String {
    match what {
        What::Stopped => format!("{pod} stopped answering"),
        What::Left { is_last: true, .. } => format!("{headless} no longer names {pod}"),
        What::Left { address, .. } => format!("{headless} no longer names {pod} at {address}"),
        What::NamedAgain { address, was: None } => {
            format!("{headless} names {pod} again, at {address} as before")
        }
        What::NamedAgain { address, was: Some(was) } => {
            format!("{headless} names {pod} again, at {address} (was {was})")
        }
        What::NamedToo { address } => format!("{headless} names {pod} at {address} too"),
        What::IsNew { address } => format!("{pod} is new: {headless} names it at {address}"),
        What::Answers { seconds, after } => format!(
            "{pod} answers {}",
            match after {
                After::Silence => format!("again, {seconds} s after it stopped"),
                After::Leaving => format!("again, {seconds} s after {headless} dropped it"),
                After::Joining => format!("for the first time, {seconds} s later"),
            }
        ),
        What::FarBehind => format!("{pod} is more than {} s behind", FAR_BEHIND.as_secs()),
        What::CaughtUp => format!("{pod} has caught up"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use app_core::mysql::pod_name::PodName;

    use super::*;
    use crate::{
        db::Role,
        routing::{headless::Pod, watch::State},
    };

    fn at(second: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(second)
    }

    fn pod(host: u8, name: Option<&str>, answers: bool) -> Pod {
        let state = if answers {
            State::Answers { role: Role::Replica, lag: None }
        } else {
            State::Silent { since: Instant::now(), reason: String::new() }
        };
        let name = name.map(|name| PodName::new(name.to_owned()));
        Pod { name, address: ([10, 244, 1, host], 3306).into(), state, in_flight: 0 }
    }

    fn lines(looks: &[(i64, Vec<Pod>)]) -> Vec<String> {
        let mut story = Story::default();
        looks.iter().for_each(|(second, pods)| story.note(pods, at(*second)));
        let changes = Changes::new(&story, "mysql", at(100));
        changes.lines.into_iter().map(|line| format!("{} {}", line.time, line.sentence)).collect()
    }

    #[test]
    fn the_way_of_a_deleted_pod_is_told_in_four_lines() {
        let (name, still) = (Some("mysql-1"), || pod(1, Some("mysql-0"), true));
        let mut looks = vec![
            (0, vec![still(), pod(7, name, true)]),
            (7, vec![still(), pod(7, name, false)]),
            (9, vec![still()]),
            (15, vec![still(), pod(9, None, false)]),
        ];
        let out = ["00:00:07 mysql-1 stopped answering", "00:00:09 mysql no longer names mysql-1"];
        let nameless = "00:00:15 mysql names 10.244.1.9, where no server has said its name yet";
        assert_eq!(lines(&looks), [out[0], out[1], nameless]);

        looks.push((17, vec![still(), pod(9, name, true)]));

        let again = "00:00:15 mysql names mysql-1 again, at 10.244.1.9 (was 10.244.1.7)";
        let answers = "00:00:17 mysql-1 answers again, 10 s after it stopped";
        assert_eq!(lines(&looks), [out[0], out[1], again, answers]);
    }

    #[test]
    fn a_new_pod_is_told_with_the_time_that_it_took() {
        let all = vec![pod(1, Some("mysql-0"), true), pod(9, Some("mysql-2"), true)];
        let looks = [
            (0, vec![pod(1, Some("mysql-0"), true)]),
            (3, vec![pod(1, Some("mysql-0"), true), pod(9, None, false)]),
            (19, all),
        ];

        let expected = [
            "00:00:03 mysql-2 is new: mysql names it at 10.244.1.9",
            "00:00:19 mysql-2 answers for the first time, 16 s later",
        ];
        assert_eq!(lines(&looks), expected);
    }

    /// Each of three pods falls silent and answers again, twice.
    #[test]
    fn the_page_has_six_lines_of_which_the_first_are_of_the_pod_that_changed_last() {
        let mut looks = Vec::new();
        for (silent, second) in [9, 1, 9, 1, 9, 2, 9, 2, 9, 0, 9, 0, 9].into_iter().zip(0..) {
            let pods = (0..3).map(|n| pod(n, Some(&pod_name(n)), n != silent)).collect();
            looks.push((second, pods));
        }

        let expected = [
            "00:00:09 mysql-0 stopped answering",
            "00:00:10 mysql-0 answers again, 1 s after it stopped",
            "00:00:11 mysql-0 stopped answering",
            "00:00:12 mysql-0 answers again, 1 s after it stopped",
            "00:00:07 mysql-2 stopped answering",
            "00:00:08 mysql-2 answers again, 1 s after it stopped",
        ];
        assert_eq!(lines(&looks), expected);
    }

    #[test]
    fn many_addresses_without_a_name_leave_room_for_the_pods() {
        let name = Some("mysql-1");
        let mut flood: Vec<_> = (100..200).map(|host| pod(host, None, false)).collect();
        flood.push(pod(7, name, false));
        let looks = [(0, vec![pod(7, name, true)]), (1, vec![pod(7, name, false)]), (2, flood)];

        let lines = lines(&looks);

        assert_eq!(lines.len(), 3, "{lines:?}");
        assert_eq!(lines[0], "00:00:01 mysql-1 stopped answering");
    }

    #[test]
    fn an_event_of_another_day_has_its_date() {
        let mut story = Story::default();
        story.note(&[pod(7, Some("mysql-1"), true)], at(0));
        story.note(&[pod(7, Some("mysql-1"), false)], at(1));

        let changes = Changes::new(&story, "mysql", at(100_000));

        assert_eq!(changes.lines[0].time, "1970-01-01 00:00:01");
    }
}
