//! The handlers that are counted, and how they are asked.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use app_core::config::About;
use reqwest::{Client, header};

/// How often a handler is asked.
pub(crate) const REQUESTS: u32 = 100;

/// One of the two apps.
#[derive(Clone, Copy)]
pub(crate) struct App {
    pub(crate) about: &'static About,
    pub(crate) binary: &'static str,
}

pub(crate) const WRITE_APP: App =
    App { about: &write_app::ABOUT, binary: env!("CARGO_BIN_EXE_write-app-measured") };

pub(crate) const READ_APP: App =
    App { about: &read_app::ABOUT, binary: env!("CARGO_BIN_EXE_read-app-measured") };

/// A way to ask an app for something.
pub(crate) struct Handler {
    pub(crate) app: &'static str,
    pub(crate) name: &'static str,
    path: &'static str,
    accept: &'static str,
}

/// Over the headless Service: the stand-in for `mysql-read` is not a part of the apps.
pub(crate) const HANDLERS: [Handler; 4] = [
    Handler { app: "write-app", name: "POST /submit", path: "/submit", accept: "*/*" },
    Handler {
        app: "read-app",
        name: "GET /users, a kept connection",
        path: "/users?via=mysql&with=pool",
        accept: "*/*",
    },
    Handler {
        app: "read-app",
        name: "GET /users, a new connection",
        path: "/users?via=mysql&with=new",
        accept: "*/*",
    },
    Handler {
        app: "read-app",
        name: "GET /, a kept connection",
        path: "/?via=mysql&with=pool",
        accept: "text/html",
    },
];

impl Handler {
    /// Asks so many times, one after the other, over one connection.
    pub(crate) async fn ask(&self, url: &str, times: u32) -> anyhow::Result<()> {
        let client = Client::new();
        for _ in 0..times {
            let request = match self.path {
                "/submit" => client.post(format!("{url}/submit")).form(&someone_new()),
                path => client.get(format!("{url}{path}")),
            };
            let answer = request.header(header::ACCEPT, self.accept).send().await?;
            let (status, body) = (answer.status(), answer.text().await?);
            ensure!(status.is_success(), "{status}: {body}");
        }
        Ok(())
    }
}

/// With as many letters each time.
fn someone_new() -> [(&'static str, String); 2] {
    static NUMBER: AtomicU64 = AtomicU64::new(100_000);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    [("name", "Ada Lovelace".to_owned()), ("email", format!("ada{number}@example.org"))]
}
