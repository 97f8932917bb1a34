//! The options of `cargo demo`, and what they ask for.

use std::{
    ffi::OsString,
    fs, io,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use clap::{Parser, Subcommand, value_parser};

use crate::{
    Progress,
    local_cluster::{Plan, START_SECONDS},
    manifests::Files,
    network::Network,
};

/// The apps' ports, equal to the NodePorts of their Services in `kubernetes/`.
const WRITE_PORT: u16 = 30000;
const READ_PORT: u16 = 30001;

/// The number of replicas, equal to that of the StatefulSet in `kubernetes/`, whose `replicas: 2` counts the primary.
const REPLICAS: u8 = 1;

/// The servers have addresses `127.30.N.*`.
const DEMO_NETWORKS: u8 = 30;

/// The file beside the volumes that holds N.
const NETWORK_FILE: &str = "network";

/// Runs write-app, read-app and MySQL with replication on this machine, until Ctrl-C.
///
/// The demo installs nothing. It uses the MySQL on PATH. On Debian without MySQL, it downloads Debian's packages into
/// a cache folder. Set RUST_LOG=info to see what the apps log.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo demo", version)]
pub struct Options {
    /// Delete the users of earlier runs, and start with empty servers
    #[arg(long)]
    fresh: bool,
    /// Number of MySQL replicas, besides the primary
    #[arg(long, value_name = "N", default_value_t = REPLICAS, value_parser = value_parser!(u8).range(1..=8))]
    replicas: u8,
    /// Address on which both apps listen; 0.0.0.0 lets other machines reach them
    #[arg(long, value_name = "ADDRESS", default_value_t = Ipv4Addr::LOCALHOST.into())]
    pub listen: IpAddr,
    /// Port of write-app, where users are registered
    #[arg(long, value_name = "PORT", default_value_t = WRITE_PORT)]
    pub write_port: u16,
    /// Port of read-app, where users are listed
    #[arg(long, value_name = "PORT", default_value_t = READ_PORT)]
    pub read_port: u16,
    /// Folder for MySQL's data [default: a folder in the cache folder]
    #[arg(long, value_name = "FOLDER", global = true)]
    data: Option<PathBuf>,
    /// How long each MySQL server may take to become ready
    #[arg(long, value_name = "SECONDS", default_value_t = START_SECONDS, value_parser = value_parser!(u16).range(1..))]
    wait: u16,
    /// What to do instead of starting a demo
    #[command(subcommand)]
    pub action: Option<Action>,
}

/// What `cargo demo` does instead of starting a demo.
#[derive(Debug, Subcommand)]
pub enum Action {
    /// Send commands to the demo that runs, such as: cargo demo do delete mysql-1
    ///
    /// `cargo demo do help` lists the commands. A command is one argument in quotes, or its words are several.
    Do {
        /// The commands, such as "delete mysql-1"
        #[arg(value_name = "COMMAND", required = true)]
        words: Vec<String>,
    },
}

impl Options {
    /// The options among the arguments of a process, whose first one is its program.
    ///
    /// # Errors
    ///
    /// If an option is not known or its value is not valid; also for `--help`, with the help as the message.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        Self::try_parse_from(without_separator(arguments))
    }

    /// The folder of MySQL's data.
    ///
    /// # Errors
    ///
    /// If its path is empty.
    pub fn volumes(&self, cache: &Path) -> anyhow::Result<PathBuf> {
        let volumes = self.data.clone().unwrap_or_else(|| cache.join("demo"));
        // mysqld changes to its data folder, where a relative path leads elsewhere.
        std::path::absolute(volumes).context("--data needs the path of a folder")
    }

    /// The command that a person types for a demo with the same data.
    #[must_use]
    pub fn same_demo(&self) -> String {
        let data = self.data.as_ref().map(|folder| format!(" --data {folder:?}"));
        format!("cargo demo{}", data.unwrap_or_default())
    }

    /// What to start, with MySQL's programs in `cache` and the sockets in `run`.
    ///
    /// # Errors
    ///
    /// If another demo uses the folder of MySQL's data, or it cannot be made or emptied.
    pub fn plan(&self, cache: PathBuf, run: &Path, progress: Progress) -> anyhow::Result<Plan> {
        let volumes = self.volumes(&cache)?;
        // Claim the network before deleting volumes: the claim fails while another demo uses them. A
        // mysqld whose data is deleted does not end, and logs errors without end.
        let network = claim_network(&volumes)?;
        if self.fresh {
            delete_volumes(&volumes)
                .with_context(|| format!("cannot delete the users in {}", volumes.display()))?;
        }
        Ok(Plan {
            network,
            volumes,
            run: run.to_owned(),
            cache,
            pods: self.replicas + 1,
            credentials: Files::mysql_credentials()?,
            wait: Duration::from_secs(self.wait.into()),
            progress,
        })
    }
}

/// `cargo demo` is an alias that ends in `--`. A person who types `cargo demo -- --fresh`, as for `cargo run`, sends a
/// second one.
fn without_separator(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments = arguments.into_iter().collect::<Vec<_>>();
    if arguments.get(1).is_some_and(|first| first == "--") {
        arguments.remove(1);
    }
    arguments
}

/// Deletes the folders `mysql-N`, and nothing else: `--data` may name a folder that holds other files.
fn delete_volumes(volumes: &Path) -> io::Result<()> {
    for folder in (0..=u8::MAX).map(|ordinal| volumes.join(format!("mysql-{ordinal}"))) {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    Ok(())
}

/// Claims the network that these volumes were made in, or a free one for new volumes. A replica stores its primary's
/// name on its volume. Here an IP address stands for that name, which must not change.
fn claim_network(volumes: &Path) -> anyhow::Result<Network> {
    let file = volumes.join(NETWORK_FILE);
    if let Ok(text) = fs::read_to_string(&file) {
        let number = text.trim().parse();
        let damaged = || format!("{} does not hold a number; delete the file", file.display());
        return Network::claim([DEMO_NETWORKS, number.with_context(damaged)?]);
    }
    let network = Network::claim_any(DEMO_NETWORKS)?;
    let choose_another = || {
        format!(
            "cannot write to the folder {}; choose another with --data, or set XDG_CACHE_HOME",
            volumes.display()
        )
    };
    fs::create_dir_all(volumes).with_context(choose_another)?;
    let [_, number] = network.numbers();
    fs::write(&file, number.to_string()).with_context(choose_another)?;
    Ok(network)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Options, clap::Error> {
        Options::read(["demo"].iter().chain(arguments).map(OsString::from))
    }

    #[test]
    fn options_mean_the_same_with_and_without_two_dashes_before_them() {
        for arguments in
            [["--replicas", "2", "--fresh"].as_slice(), &["--", "--replicas", "2", "--fresh"]]
        {
            let options = parsed(arguments).unwrap();
            assert!(options.replicas == 2 && options.fresh, "{arguments:?}");
        }
        assert!(parsed(&[]).is_ok() && parsed(&["--"]).is_ok());
        for arguments in [["--fresh", "--", "--fresh"], ["--", "--", "--fresh"], ["--", "x", "y"]] {
            assert!(parsed(&arguments).is_err(), "{arguments:?}");
        }
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_by_their_option() {
        for (option, value) in [
            ("--replicas", "0"),
            ("--replicas", "9"),
            ("--listen", "localhost"),
            ("--listen", "0.0.0.0:30000"),
            ("--write-port", "70000"),
            ("--wait", "-1"),
            ("--wait", "0"),
        ] {
            let refusal = parsed(&[&format!("{option}={value}")]).err().unwrap().to_string();
            assert!(refusal.contains(option) && refusal.contains(value), "{refusal}");
        }
    }

    #[test]
    fn volumes_keep_their_network_and_only_one_demo_uses_them_at_a_time() {
        let volumes = tempfile::tempdir().unwrap();
        let first = claim_network(volumes.path()).unwrap();

        let refusal = claim_network(volumes.path()).unwrap_err();
        assert!(refusal.to_string().contains("is another demo running"), "{refusal}");

        let numbers = first.numbers();
        drop(first);
        assert_eq!(claim_network(volumes.path()).unwrap().numbers(), numbers);
    }
}
