//! The dots: each is one query that was made, and says which pod answered it.
//!
//! The page remembers them, not this process: they travel as a string in its form, a character a query,
//! newest last. `0` to `9` are ordinals, `a` to `z` the ordinals 10 to 35, and a capital is an attempt
//! that nobody answered.

use std::collections::BTreeMap;

use app_core::mysql::{MysqlError, pod_name::PodName};

/// How many are kept.
pub(crate) const KEPT: usize = 240;

/// How many stand in a row. The oldest go a row at a time, or every dot would move at every query.
const ROW: usize = 24;

/// One query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dot {
    /// The pod with this ordinal answered.
    Pod(u8),
    /// Nobody did.
    Failed(Reason),
}

/// Why nobody answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Unreachable,
    Lost,
    NoAddress,
    Busy,
    Slow,
    Other,
}

impl Reason {
    /// All of them, with the letters that stand for them.
    pub(crate) const ALL: [(char, Self); 6] = [
        ('U', Self::Unreachable),
        ('L', Self::Lost),
        ('N', Self::NoAddress),
        ('B', Self::Busy),
        ('D', Self::Slow),
        ('E', Self::Other),
    ];

    /// The end of a sentence, without its full stop.
    pub(crate) fn clause(self) -> &'static str {
        match self {
            Self::Unreachable => "no connection could be opened",
            Self::Lost => "the connection broke",
            Self::NoAddress => "the name has no address",
            Self::Busy => "no connection was free",
            Self::Slow => "no answer came in time",
            Self::Other => "MySQL could not answer; the log of read-app says why",
        }
    }
}

impl From<&MysqlError> for Reason {
    fn from(error: &MysqlError) -> Self {
        match error {
            MysqlError::Unreachable { .. } => Self::Unreachable,
            MysqlError::ConnectionLost(_) => Self::Lost,
            MysqlError::Name(_) => Self::NoAddress,
            MysqlError::Busy | MysqlError::TooManyConnections(_) => Self::Busy,
            MysqlError::Deadline(_) => Self::Slow,
            _ => Self::Other,
        }
    }
}

impl Dot {
    /// The dot of a pod; one whose name has no ordinal cannot have a dot of its own.
    pub(crate) fn of(pod: &PodName) -> Self {
        match pod.ordinal().parse() {
            Ok(ordinal) if ordinal < 36 => Self::Pod(ordinal),
            _ => Self::Failed(Reason::Other),
        }
    }

    /// The pod that answered.
    pub(crate) fn ordinal(self) -> Option<u8> {
        match self {
            Self::Pod(ordinal) => Some(ordinal),
            Self::Failed(_) => None,
        }
    }

    fn from_char(character: char) -> Option<Self> {
        match character {
            '0'..='9' | 'a'..='z' => {
                character.to_digit(36).and_then(|digit| u8::try_from(digit).ok()).map(Self::Pod)
            }
            _ => Reason::ALL
                .iter()
                .find(|(code, _)| *code == character)
                .map(|(_, reason)| Self::Failed(*reason)),
        }
    }

    fn to_char(self) -> char {
        match self {
            Self::Pod(ordinal) => char::from_digit(ordinal.into(), 36).unwrap_or('E'),
            Self::Failed(reason) => {
                Reason::ALL.iter().find(|(_, one)| *one == reason).map_or('E', |(code, _)| *code)
            }
        }
    }
}

/// At most [`KEPT`] dots, newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dots {
    kept: Vec<Dot>,
    /// How many this request has added.
    added: usize,
}

impl Dots {
    /// Reads what the page remembers; characters that mean nothing are passed over.
    pub(crate) fn read(text: &str) -> Self {
        let mut dots = Self::default();
        text.chars().filter_map(Dot::from_char).for_each(|dot| dots.push(dot));
        Self { added: 0, ..dots }
    }

    /// What the page shall remember.
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

    /// One query adds several where attempts failed before the answer.
    pub(crate) fn added(&self) -> usize {
        self.added
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Dot> + Clone {
        self.kept.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(crate) fn last(&self) -> Option<Dot> {
        self.kept.last().copied()
    }

    /// How many each pod answered.
    pub(crate) fn counts(&self) -> BTreeMap<u8, usize> {
        let mut counts = BTreeMap::new();
        for ordinal in self.kept.iter().filter_map(|dot| dot.ordinal()) {
            *counts.entry(ordinal).or_default() += 1;
        }
        counts
    }

    /// How many were answered.
    pub(crate) fn answered(&self) -> usize {
        self.kept.iter().filter(|dot| dot.ordinal().is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_remembers_reads_as_it_was_written() {
        let dots = Dots::read("01azULNBDE");
        assert_eq!(dots.text(), "01azULNBDE");
        assert_eq!(dots.counts(), BTreeMap::from([(0, 1), (1, 1), (10, 1), (35, 1)]));
        assert_eq!(dots.last(), Some(Dot::Failed(Reason::Other)));
    }

    #[test]
    fn what_means_nothing_is_passed_over() {
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
