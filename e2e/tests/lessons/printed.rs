//! What a step prints, and on which clusters.

use std::sync::LazyLock;

use regex::Regex;

use crate::dns_cache::DnsCache;

/// A block of text after commands. Its first line says more than the language where the output depends on the
/// cluster's DNS, as `without-cache within 3 s` does.
pub(crate) struct Printed {
    pub(crate) text: String,
    /// The DNS servers after which it is printed; all without this.
    with_cache: Option<bool>,
    /// How many seconds its waiting may last, on top of those for which DNS remembers.
    pub(crate) within: Option<u32>,
}

/// A time that a command has measured.
static MEASURED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(?:after|came) (\d+(?:\.\d+)?) ?s\b").unwrap());

impl Printed {
    /// `info` is the first line of the block, without its backticks.
    pub(crate) fn new(info: &str, text: String) -> Self {
        let (with_cache, within) = match *info.split(' ').collect::<Vec<_>>() {
            ["text"] => (None, None),
            ["text", kind] => (Some(is_with_cache(kind)), None),
            ["text", kind, "within", seconds, "s"] => {
                (Some(is_with_cache(kind)), Some(seconds.parse().unwrap()))
            }
            _ => panic!("a block of {info}:\n{text}"),
        };
        Self { text, with_cache, within }
    }

    /// Whether of these blocks exactly one holds for each cluster, if there are any.
    pub(crate) fn is_clear(blocks: &[Self]) -> bool {
        let kinds: Vec<_> = blocks.iter().map(|block| block.with_cache).collect();
        matches!(kinds[..], [] | [None] | [Some(false), Some(true)])
    }

    pub(crate) fn is_for(&self, dns: &DnsCache) -> bool {
        self.with_cache.is_none_or(|with_cache| with_cache == (dns.remembers > 0))
    }
}

fn is_with_cache(kind: &str) -> bool {
    match kind {
        "with-cache" => true,
        "without-cache" => false,
        _ => panic!("{kind}: with-cache or without-cache"),
    }
}

/// An error where a command measured a longer time, or none.
pub(crate) fn seconds_at_most(most: u32, output: &str) -> Result<(), String> {
    let measured: Vec<f64> =
        MEASURED.captures_iter(output).map(|found| found[1].parse().unwrap()).collect();
    let are_few = measured.iter().all(|seconds| *seconds <= f64::from(most));
    let is_well = !measured.is_empty() && are_few;
    if is_well {
        Ok(())
    } else {
        Err(format!("{measured:?}: at most {most} s each, and one at least"))
    }
}

#[test]
fn a_block_says_for_which_clusters_it_is_and_how_long_its_waiting_may_last() {
    let block = |info| Printed::new(info, String::new());
    let [off, on] = [0, 30].map(|remembers| DnsCache { ttl: 30, remembers });
    let [without, with] =
        ["text without-cache within 3 s", "text with-cache within 4 s"].map(block);

    assert_eq!((without.within, with.within, block("text").within), (Some(3), Some(4), None));
    assert!(without.is_for(&off) && !without.is_for(&on));
    assert!(with.is_for(&on) && !with.is_for(&off));
    assert!(block("text").is_for(&off) && block("text").is_for(&on));
    assert!(Printed::is_clear(&[]) && Printed::is_clear(&[block("text")]));
    assert!(!Printed::is_clear(&[block("text"), block("text")]));
    assert!(!Printed::is_clear(&[with]));
}

#[test]
fn a_time_that_was_measured_is_compared() {
    let output =
        "may be kept for 30 s\nafter 3.5 s: 10.0.0.1 is gone\nafter 5.0 s: 10.0.0.2 is new";

    assert_eq!(seconds_at_most(5, output), Ok(()));
    assert!(seconds_at_most(4, output).is_err());
    assert!(seconds_at_most(4, "its name came 15s after it was ready").is_err());
    assert!(seconds_at_most(4, "may be kept for 30 s").is_err(), "nothing was measured");
}
