//! GTID sets: the transactions that a server has, or that a client asks for.
//!
//! A server names each transaction for ever by the UUID of the server that committed it first and a
//! number, such as `3e11fa47-71ca-11e1-9e33-c80aa9429562:57`:
//! <https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html>.

use std::{collections::BTreeMap, fmt, str::FromStr};

/// A set that a client may send: longer ones are refused. It holds some forty servers' sets.
const LONGEST: usize = 2000;

/// A set of transactions, in MySQL's notation: `UUID:1-57:60,UUID:3`. Between the UUID and the numbers
/// there may be a tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GtidSet(BTreeMap<String, Vec<Interval>>);

/// The first and the last number of a run.
type Interval = (u64, u64);

/// The text is not a GTID set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a GTID set")]
pub struct NotAGtidSet;

impl GtidSet {
    /// How many transactions it has.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        let intervals = self.0.values().flatten();
        intervals.fold(0, |sum, (first, last)| sum.saturating_add((last - first).saturating_add(1)))
    }

    /// The set together with all that its servers had committed before it. Transactions of one server
    /// are applied in their order, so this is what a replica lacks that lacks the last of them.
    #[must_use]
    pub fn with_all_before(&self) -> Self {
        let to_the_last = |intervals: &Vec<Interval>| {
            let last = intervals.iter().map(|(_, last)| *last).max().unwrap_or(1);
            vec![(1, last)]
        };
        Self(self.0.iter().map(|(source, runs)| (source.clone(), to_the_last(runs))).collect())
    }

    /// How many transactions a set has that a server printed. None where that is not known: the text is too long, or
    /// is no set.
    #[must_use]
    pub fn count(printed: &str) -> Option<u64> {
        printed.parse().ok().map(|set: Self| set.transactions())
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromStr for GtidSet {
    type Err = NotAGtidSet;

    /// Reads what a server prints, which may have line breaks, or what a client sends.
    fn from_str(text: &str) -> Result<Self, NotAGtidSet> {
        if text.len() > LONGEST {
            return Err(NotAGtidSet);
        }
        let mut set = Self::default();
        let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
        for member in members {
            let mut parts = member.split(':').map(str::trim);
            let uuid = parts.next().filter(|part| is_uuid(part)).ok_or(NotAGtidSet)?;
            let mut source = uuid.to_ascii_lowercase();
            for part in parts {
                if is_tag(part) {
                    source = format!("{}:{}", &source[..uuid.len()], part.to_ascii_lowercase());
                } else {
                    set.0.entry(source.clone()).or_default().push(interval(part)?);
                }
            }
            if !set.0.contains_key(&source) {
                return Err(NotAGtidSet);
            }
        }
        Ok(set)
    }
}

fn is_uuid(text: &str) -> bool {
    let hyphens = [8, 13, 18, 23];
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match byte {
            b'-' => hyphens.contains(&at),
            _ => byte.is_ascii_hexdigit() && !hyphens.contains(&at),
        })
}

/// <https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-concepts.html#replication-gtids-concepts-gtid-format>
fn is_tag(text: &str) -> bool {
    let begins = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    text.len() <= 32
        && text.bytes().next().is_some_and(begins)
        && text.bytes().all(|byte| begins(byte) || byte.is_ascii_digit())
}

fn interval(text: &str) -> Result<Interval, NotAGtidSet> {
    let number = |text: &str| text.trim().parse::<u64>().map_err(|_| NotAGtidSet);
    let (first, last) = match text.split_once('-') {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, number(text)?),
    };
    // The last number that a server gives: https://dev.mysql.com/doc/refman/9.7/en/replication-gtids-lifecycle.html
    let last_possible = i64::MAX.unsigned_abs();
    if first == 0 || last < first || last >= last_possible {
        Err(NotAGtidSet)
    } else {
        Ok((first, last))
    }
}

impl fmt::Display for GtidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (source, intervals)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{source}")?;
            for (first, last) in intervals {
                if first == last { write!(f, ":{first}")? } else { write!(f, ":{first}-{last}")? }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn transactions_are_counted_over_runs_servers_and_tags() {
        assert_eq!(set("").transactions(), 0);
        assert_eq!(set(&format!("{UUID}:57")).transactions(), 1);
        assert_eq!(set(&format!("{UUID}:1-5:9:11-12")).transactions(), 8);
        assert_eq!(set(&format!("{UUID}:1-5:backup:1-2,\n{UUID}:7")).transactions(), 8);
    }

    #[test]
    fn the_number_of_transactions_in_a_text_that_is_too_long_is_not_known() {
        let gaps: String = (1..400).map(|number| format!(":{}", 2 * number)).collect();
        assert_eq!(GtidSet::count(&format!("{UUID}{gaps}")), Some(399));
        assert_eq!(GtidSet::count(&format!("{UUID}{gaps}{gaps}")), None);
        assert_eq!(GtidSet::count("no set"), None);
        assert_eq!(GtidSet::count(""), Some(0));
    }

    #[test]
    fn what_a_server_committed_before_belongs_to_it() {
        let all = set(&format!("{UUID}:57")).with_all_before();
        assert_eq!(all.to_string(), format!("{UUID}:1-57"));
    }

    #[test]
    fn a_set_reads_as_it_is_written() {
        for text in [format!("{UUID}:1-5:9"), format!("{UUID}:3,{UUID}:backup:1-2")] {
            assert_eq!(set(&text).to_string(), text);
        }
        assert_eq!(
            set(&UUID.to_uppercase().replace("62", "62:1")).to_string(),
            format!("{UUID}:1")
        );
    }

    #[test]
    fn what_mysql_would_refuse_is_not_a_set() {
        for text in [
            "57",
            UUID,
            &format!("{UUID}:"),
            &format!("{UUID}:0"),
            &format!("{UUID}:5-1"),
            &format!("{UUID}:1-"),
            &format!("{UUID}:tag"),
            &format!("{UUID}:9223372036854775807"),
            &format!("{UUID}:1' OR 1=1"),
            &format!("{UUID}:1,").repeat(60),
        ] {
            assert_eq!(text.parse::<GtidSet>(), Err(NotAGtidSet), "{text}");
        }
    }
}
