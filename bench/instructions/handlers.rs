//! The handlers that are counted, and the requests to them.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::ensure;
use app_core::config::About;
use reqwest::{Client, header};

/// The number of requests to each handler.
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

/// A handler of an app, and the request to it.
pub(crate) struct Handler {
    pub(crate) app: &'static str,
    pub(crate) name: &'static str,
    path: &'static str,
    accept: &'static str,
}

/// All reads use the headless Service, which needs no stand-in.
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
    /// Sends the request this many times over one connection, one after the other.
    pub(crate) async fn send(&self, url: &str, times: u32) -> anyhow::Result<()> {
        let client = Client::new();
        for _ in 0..times {
            let request = match self.path {
                "/submit" => client.post(format!("{url}/submit")).form(&new_user()),
                path => client.get(format!("{url}{path}")),
            };
            let response = request.header(header::ACCEPT, self.accept).send().await?;
            let (status, body) = (response.status(), response.text().await?);
            ensure!(status.is_success(), "{status}: {body}");
        }
        Ok(())
    }
}

/// A new user, whose email has the same length each time.
fn new_user() -> [(&'static str, String); 2] {
    static NUMBER: AtomicU64 = AtomicU64::new(100_000);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    [("name", "Ada Lovelace".to_owned()), ("email", format!("ada{number}@example.org"))]
}
