//! mysqlslap, MySQL's load generator, shows what mysqld can do. It uses the same server, TCP address, TLS and account as the
//! apps, and throws the rows away.

use std::{fs, path::PathBuf, time::Duration};

use anyhow::{Context as _, ensure};
use demo::{network::MYSQL_PORT, pod::Container};

use crate::login::Login;

/// The statements of `GET /users`.
pub(crate) const READ: [&str; 2] = [
    "SELECT @@report_host",
    "SELECT id, name, email, created_at FROM users ORDER BY id DESC LIMIT 50",
];

/// The statement of `POST /submit`.
pub(crate) const WRITE: [&str; 1] = [
    "INSERT INTO users (name, email) VALUES ('Grace Hopper', CONCAT(LEFT(SHA2(UUID(), 256), 32), '@example.org'))",
];

/// mysqlslap with fixed statements, which it repeats.
pub(crate) struct Mysqlslap {
    container: Container,
    /// A file with the account, which keeps the password off the command line.
    settings: PathBuf,
    statements: &'static [&'static str],
}

/// How mysqlslap uses its connections.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    Kept,
    /// A new connection for each statement.
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

    /// How often a second mysqlslap does all statements, measured for about `time`. The time for connecting is left out:
    /// it is that of a run in which each client does the statements once. A short run says how many fill the time.
    pub(crate) async fn per_second(
        &self,
        clients: usize,
        time: Duration,
        connections: Connections,
    ) -> anyhow::Result<f64> {
        let connecting = self.seconds(clients, clients, connections).await?;
        let few = 50 * clients;
        let short = self.seconds(clients, few, connections).await? - connecting;
        // If connecting took most of the time, the difference is only noise.
        let estimate = few as f64 / short.max(connecting / 4.0);
        let many = (estimate * time.as_secs_f64()) as usize + clients;
        let long = self.seconds(clients, many, connections).await? - connecting;
        Ok((many - clients) as f64 / long)
    }

    /// How many seconds it takes to do all statements `turns` times.
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
        let output = slap.output().await.context("cannot run mysqlslap: is it on PATH?")?;
        let stderr = String::from_utf8_lossy(&output.stderr);
        // mysqlslap exits with 0 even if the server refuses a query, and a refusal is quick.
        let refused = stderr.contains("Cannot run query");
        ensure!(output.status.success() && !refused, "mysqlslap: {}", stderr.trim());
        let line = String::from_utf8(output.stdout)?;
        // engine, kind, mean seconds, minimum, maximum, clients, statements of each client
        let seconds = line.trim().split(',').nth(2).and_then(|field| field.parse().ok());
        seconds.with_context(|| format!("mysqlslap printed {line:?}"))
    }
}
