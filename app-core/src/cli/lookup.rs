//! `--lookup`: what the cluster's DNS answers for a name.
//!
//! The images hold one program and no shell. With this a person sees what the app in the pod sees.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    config::DnsConfig,
    dns::{DnsError, Question, Resolver},
};

/// The pause between two questions.
const PERIOD: Duration = Duration::from_millis(500);

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    name: String,
    /// How long to look for changes after the first answer.
    watched: Duration,
}

/// Each record's value, with its TTL in seconds.
type Records = BTreeMap<String, u32>;

impl Lookup {
    /// Parses the arguments that follow `--lookup`. An error says what is wrong with them.
    pub(crate) fn parse(arguments: &[&str]) -> Result<Self, String> {
        let (name, seconds) = match *arguments {
            [name] => (name, "0"),
            [name, seconds] => (name, seconds),
            _ => return Err("--lookup takes a name, and for how many seconds to watch it".into()),
        };
        let seconds: u16 =
            seconds.parse().map_err(|_| format!("{seconds}: not a number of seconds"))?;
        Ok(Self { name: name.to_owned(), watched: Duration::from_secs(seconds.into()) })
    }

    /// Prints the answer, and then each change of it until the time is over. The status is 1 where the name
    /// has no answer at the end.
    pub(crate) async fn run(&self, dns: Option<&DnsConfig>) -> ExitCode {
        match self.print(dns, &mut io::stdout()).await {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{error:#}");
                ExitCode::FAILURE
            }
        }
    }

    /// Returns whether the name has an answer at the end.
    async fn print(&self, dns: Option<&DnsConfig>, to: &mut impl Write) -> anyhow::Result<bool> {
        let resolver = Resolver::new(dns)?;
        let start = Instant::now();
        let (full_name, mut records) = self.ask(&resolver).await?;
        if records.is_empty() {
            writeln!(to, "{}: no such name now", self.name)?;
        }
        for (value, ttl) in &records {
            writeln!(to, "{full_name}  {value}  may be kept for {ttl} s")?;
        }
        while start.elapsed() + PERIOD < self.watched {
            sleep(PERIOD).await;
            // Where the DNS server is silent, the name may still have its answer.
            let Ok((_, now)) = self.ask(&resolver).await else { continue };
            print_changes(&records, &now, start.elapsed(), to)?;
            records = now;
        }
        Ok(!records.is_empty())
    }

    /// The whole name, and its records: SRV records for the name of a service, which begins with `_`.
    async fn ask(&self, resolver: &Resolver) -> Result<(String, Records), DnsError> {
        let is_service = self.name.starts_with('_');
        let question = if is_service { Question::Servers } else { Question::Addresses };
        let answer = resolver.ask(&self.name, question).await?;
        let records = answer.records.into_iter().map(|record| (record.value, record.ttl));
        Ok((answer.full_name, records.collect()))
    }
}

fn print_changes(
    before: &Records,
    now: &Records,
    after: Duration,
    to: &mut impl Write,
) -> io::Result<()> {
    let seconds = after.as_secs_f64();
    let missing_in = |other: &Records, value: &&String| !other.contains_key(*value);
    for value in before.keys().filter(|value| missing_in(now, value)) {
        writeln!(to, "after {seconds:.1} s: {value} is gone")?;
    }
    for value in now.keys().filter(|value| missing_in(before, value)) {
        writeln!(to, "after {seconds:.1} s: {value} is new")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_be_watched_for_some_seconds() {
        let watched = |seconds| Duration::from_secs(seconds);
        let name = "mysql".to_owned();
        assert_eq!(
            Lookup::parse(&["mysql"]),
            Ok(Lookup { name: name.clone(), watched: watched(0) })
        );
        assert_eq!(Lookup::parse(&["mysql", "60"]), Ok(Lookup { name, watched: watched(60) }));
        for wrong in [&[][..], &["mysql", "a minute"], &["mysql", "-1"], &["mysql", "1", "2"]] {
            assert!(Lookup::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn records_that_are_gone_and_records_that_are_new_are_printed() {
        let records =
            |values: &[&str]| values.iter().map(|value| ((*value).to_owned(), 30)).collect();
        let mut printed = Vec::new();

        let (before, now) =
            (records(&["10.0.0.1", "10.0.0.2"]), records(&["10.0.0.2", "10.0.0.3"]));
        print_changes(&before, &now, Duration::from_millis(1500), &mut printed).unwrap();

        let printed = String::from_utf8(printed).unwrap();
        assert_eq!(printed, "after 1.5 s: 10.0.0.1 is gone\nafter 1.5 s: 10.0.0.3 is new\n");
    }
}
