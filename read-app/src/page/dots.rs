//! The dots: each is one attempt to ask a pod, and says which pod answered it.
//!
//! The page remembers the dots; this process does not. They travel as a string in the page's form, one character
//! for each dot, newest last. `0` to `9` are ordinals, `a` to `z` are the ordinals 10 to 35, and a capital letter is
//! an attempt that failed.

use std::collections::BTreeMap;

use app_core::{
    dns::DnsError,
    mysql::{MysqlError, pod_name::PodName},
};

/// How many dots are kept.
pub(crate) const KEPT: usize = 120;

/// How many dots stand in a row. The oldest go a row at a time, or every dot would move at every query.
const ROW: usize = 24;

/// What the name of every pod begins with, before its ordinal.
pub(super) const POD_NAME_PREFIX: &str = "mysql-";

/// The name of the pod with this ordinal.
pub(crate) fn pod_name(ordinal: u8) -> String {
    format!("{POD_NAME_PREFIX}{ordinal}")
}

/// The outcome of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dot {
    /// The pod with this ordinal answered.
    Pod(u8),
    /// No pod of the StatefulSet answered.
    Failed(Reason),
}

/// Why an attempt failed, with the character that stands for it in the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reason {
    Unreachable = b'U',
    Lost = b'L',
    NoAddress = b'N',
    SilentDns = b'S',
    Busy = b'B',
    Slow = b'D',
    /// A server did answer, and the page has no dot for its name.
    Foreign = b'F',
    Other = b'E',
}

impl Reason {
    pub(super) const ALL: [Self; 8] = [
        Self::Unreachable,
        Self::Lost,
        Self::NoAddress,
        Self::SilentDns,
        Self::Busy,
        Self::Slow,
        Self::Foreign,
        Self::Other,
    ];

    fn to_char(self) -> char {
        char::from(self as u8)
    }

    /// The end of a sentence, without its full stop.
    pub(super) fn clause(self) -> &'static str {
        match self {
            Self::Unreachable => "read-app could not connect",
            Self::Lost => "the connection broke",
            Self::NoAddress => "the name has no address",
            Self::SilentDns => "the cluster’s DNS gave no answer",
            Self::Busy => "no connection was free",
            Self::Slow => "no answer came in time",
            Self::Foreign => "a server answered, but its name is not mysql-0 to mysql-35",
            Self::Other => "read-app’s log says why",
        }
    }
}

impl From<&MysqlError> for Reason {
    fn from(error: &MysqlError) -> Self {
        match error {
            MysqlError::Unreachable { .. } => Self::Unreachable,
            MysqlError::ConnectionLost(_) => Self::Lost,
            MysqlError::Name(DnsError::NoAddress(_)) => Self::NoAddress,
            MysqlError::Name(DnsError::NoAnswer { .. }) => Self::SilentDns,
            MysqlError::Busy | MysqlError::TooManyConnections(_) => Self::Busy,
            MysqlError::Deadline(_) => Self::Slow,
            _ => Self::Other,
        }
    }
}

impl Dot {
    /// The dot of a pod. It is a cross where no character stands for the name.
    pub(crate) fn of(pod: &PodName) -> Self {
        match pod.ordinal().parse() {
            Ok(ordinal) if ordinal < 36 && pod_name(ordinal) == pod.to_string() => {
                Self::Pod(ordinal)
            }
            _ => Self::Failed(Reason::Foreign),
        }
    }

    /// The ordinal of the pod that answered.
    pub(crate) fn ordinal(self) -> Option<u8> {
        match self {
            Self::Pod(ordinal) => Some(ordinal),
            Self::Failed(_) => None,
        }
    }

    fn from_char(character: char) -> Option<Self> {
        let digit = character.to_digit(36).filter(|_| !character.is_ascii_uppercase());
        let pod = digit.and_then(|digit| u8::try_from(digit).ok()).map(Self::Pod);
        let reason = || Reason::ALL.into_iter().find(|reason| reason.to_char() == character);
        pod.or_else(|| reason().map(Self::Failed))
    }

    fn to_char(self) -> char {
        match self {
            Self::Pod(ordinal) => char::from_digit(ordinal.into(), 36).unwrap_or('E'),
            Self::Failed(reason) => reason.to_char(),
        }
    }
}

/// At most [`KEPT`] dots, newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dots {
    kept: Vec<Dot>,
    /// How many of them this request has added.
    added: usize,
}

impl Dots {
    /// Reads what the page remembers. It skips characters that mean nothing.
    pub(crate) fn read(text: &str) -> Self {
        let mut dots = Self::default();
        text.chars().filter_map(Dot::from_char).for_each(|dot| dots.push(dot));
        Self { added: 0, ..dots }
    }

    /// What the page is to remember.
    pub(crate) fn text(&self) -> String {
        self.kept.iter().map(|dot| dot.to_char()).collect()
    }

    pub(crate) fn push(&mut self, dot: Dot) {
        if self.kept.len() == KEPT {
            self.kept.drain(..ROW);
        }
        self.kept.push(dot);
        self.added += 1;
    }

    /// How many of them this request has added: several for one query whose first attempts failed.
    pub(super) fn added(&self) -> usize {
        self.added
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Dot> + Clone {
        self.kept.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn last(&self) -> Option<Dot> {
        self.kept.last().copied()
    }

    /// How many queries each pod answered.
    pub(crate) fn counts(&self) -> BTreeMap<u8, usize> {
        let mut counts = BTreeMap::new();
        for ordinal in self.kept.iter().filter_map(|dot| dot.ordinal()) {
            *counts.entry(ordinal).or_default() += 1;
        }
        counts
    }

    /// The same in words, such as `mysql-0: 61`.
    pub(super) fn counts_by_name(&self) -> Vec<String> {
        let counts = self.counts().into_iter();
        counts.map(|(ordinal, count)| format!("{}: {count}", pod_name(ordinal))).collect()
    }

    /// How many are answers of a pod.
    pub(crate) fn answered(&self) -> usize {
        self.kept.iter().filter(|dot| dot.ordinal().is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_read_as_they_were_written() {
        let dots = Dots::read("01azULNSBDFE");
        assert_eq!(dots.text(), "01azULNSBDFE");
        assert_eq!(dots.counts(), BTreeMap::from([(0, 1), (1, 1), (10, 1), (35, 1)]));
        assert_eq!(dots.last(), Some(Dot::Failed(Reason::Other)));
    }

    #[test]
    fn a_server_is_shown_as_a_pod_only_under_the_name_that_it_says() {
        for (name, dot) in [
            ("mysql-1", Dot::Pod(1)),
            ("mysql-35", Dot::Pod(35)),
            ("mysql-36", Dot::Failed(Reason::Foreign)),
            ("mysql-01", Dot::Failed(Reason::Foreign)),
            ("db-1", Dot::Failed(Reason::Foreign)),
            ("", Dot::Failed(Reason::Foreign)),
        ] {
            assert_eq!(Dot::of(&PodName::new(name.into())), dot, "{name}");
        }
    }

    #[test]
    fn characters_that_mean_nothing_are_skipped() {
        assert_eq!(Dots::read("0<script>é\u{0}1 X").text(), "0script1");
    }

    #[test]
    fn the_oldest_row_goes_first() {
        let mut dots = Dots::read(&"0".repeat(KEPT));
        dots.push(Dot::Pod(1));
        assert_eq!((dots.len(), dots.last()), (KEPT - ROW + 1, Some(Dot::Pod(1))));
        assert!(Dots::read(&"0".repeat(10_000)).len() <= KEPT);
    }

    #[test]
    fn only_what_this_request_added_is_new() {
        let mut dots = Dots::read("01");
        assert_eq!(dots.added(), 0);
        dots.push(Dot::Failed(Reason::Unreachable));
        dots.push(Dot::Pod(1));
        assert_eq!(dots.added(), 2);
    }
}
