//! `--lookup`: what the cluster's DNS answers for a name, asked as the apps themselves ask.
//!
//! The images hold one program and no shell, so this is how to see from inside the pod what the app sees.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::time::sleep;

use crate::{
    config::DnsConfig,
    dns::{DnsError, RecordKind, Resolver},
};

/// How often the question is asked again.
const PERIOD: Duration = Duration::from_millis(500);

/// A name to look up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    name: String,
    /// How long to look for changes after the first answer.
    watched: Duration,
}

/// Each record's value, and for how many more seconds it may be kept.
type Records = BTreeMap<String, u32>;

impl Lookup {
    /// Reads what follows `--lookup`; an error says what is wrong with it.
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

    /// Prints the answer, and then each change of it until the time is over. Status 1 where the name had no
    /// answer in the end.
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

    /// Whether there was an answer in the end.
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
            // A server that is silent says nothing of the name.
            let Ok((_, now)) = self.ask(&resolver).await else { continue };
            print_changes(&records, &now, start.elapsed(), to)?;
            records = now;
        }
        Ok(!records.is_empty())
    }

    /// The whole name, and its records. A name of a service, which begins with `_`, has SRV records.
    async fn ask(&self, resolver: &Resolver) -> Result<(String, Records), DnsError> {
        let kind = if self.name.starts_with('_') { RecordKind::Srv } else { RecordKind::A };
        let answer = resolver.ask(&self.name, kind).await?;
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
    fn what_went_and_what_came_is_said() {
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
