//! mysqlslap, MySQL's own load generator: the direct limit. It speaks to the same server over the same TCP address, with TLS
//! and as the same account as the apps do, and does nothing with the answers.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use demo::{network::MYSQL_PORT, pod::Container};

use crate::setup::Login;

/// What `GET /users` asks, in two statements.
pub(crate) const READ: [&str; 2] = [
    "SELECT @@report_host",
    "SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT 50",
];

/// What `POST /submit` asks.
pub(crate) const WRITE: [&str; 1] = [
    "INSERT INTO users (name, email) VALUES ('Grace Hopper', CONCAT(LEFT(SHA2(UUID(), 256), 32), '@example.org'))",
];

/// The same statements again and again.
pub(crate) struct Mysqlslap {
    container: Container,
    /// Holds the account, so that no password stands on a command line.
    settings: PathBuf,
    statements: &'static [&'static str],
}

/// How mysqlslap uses its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    /// A new one for each statement.
    New,
}

impl Mysqlslap {
    pub(crate) fn new(
        container: &Container,
        login: &Login,
        statements: &'static [&'static str],
        settings: PathBuf,
    ) -> anyhow::Result<Self> {
        let Login { address, user, password } = login;
        let text = format!(
            "[client]\nhost={address}\nport={MYSQL_PORT}\nprotocol=TCP\nssl-mode=REQUIRED\nuser={user}\npassword={password}\n"
        );
        fs::write(&settings, text)?;
        Ok(Self { container: container.clone(), settings, statements })
    }

    /// How often a second it gets all statements done, with so many clients, in about so much time. A run in which each
    /// client does them once says how long it takes to connect, which is left out, and a short one how many fill the time.
    pub(crate) async fn per_second(
        &self,
        clients: usize,
        time: Duration,
        connections: Connections,
    ) -> anyhow::Result<f64> {
        let connecting = self.seconds(clients, clients, connections).await?;
        let few = 50 * clients;
        let short = self.seconds(clients, few, connections).await? - connecting;
        // Where connecting took most of the time, the difference is nothing but noise.
        let estimate = few as f64 / short.max(connecting / 4.0);
        let many = (estimate * time.as_secs_f64()) as usize + clients;
        let long = self.seconds(clients, many, connections).await? - connecting;
        Ok((many - clients) as f64 / long)
    }

    /// How long it takes to do all statements `turns` times.
    async fn seconds(
        &self,
        clients: usize,
        turns: usize,
        connections: Connections,
    ) -> anyhow::Result<f64> {
        let mut slap = self.container.program("mysqlslap");
        slap.arg(format!("--defaults-file={}", self.settings.display()))
            .args(["--create-schema=userdb", "--no-drop", "--delimiter=;", "--csv"])
            .arg(format!("--concurrency={clients}"))
            .arg(format!("--number-of-queries={}", turns * self.statements.len()))
            .arg(format!("--query={}", self.statements.join(";")));
        if connections == Connections::New {
            slap.arg("--detach=1");
        }
        let output = slap.output().await.context("mysqlslap cannot be run: is it on PATH?")?;
        let said = String::from_utf8_lossy(&output.stderr);
        // Its status is 0 all the same, and what was refused would pass for quick.
        let refused = said.contains("Cannot run query");
        ensure!(output.status.success() && !refused, "mysqlslap: {}", said.trim());
        let line = String::from_utf8(output.stdout)?;
        // engine, kind, mean seconds, least, most, clients, statements of each client
        let seconds = line.trim().split(',').nth(2).and_then(|field| field.parse().ok());
        seconds.with_context(|| format!("mysqlslap printed {line:?}"))
    }
}
