//! The two kinds of clients, and the questions that tests ask the servers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use demo::{
    apps::RunningApp,
    for_tests::{SharedCluster, shared},
};
use reqwest::{Client, RequestBuilder, redirect::Policy};
use serde_json::{Value, json};

/// An email that no other test uses.
pub(crate) fn new_email() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A JSON request, as a program sends it.
pub(crate) fn submit_json(name: &str, email: &str) -> RequestBuilder {
    post_json(&json!({ "name": name, "email": email }))
}

pub(crate) fn post_json(body: &Value) -> RequestBuilder {
    Client::new().post(url("/submit")).json(body)
}

/// A browser: it asks for pages and keeps cookies. It does not follow redirects, so that tests see them.
pub(crate) struct Browser {
    client: Client,
    app: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Self::at(&shared().write_app)
    }

    pub(crate) fn at(app: &RunningApp) -> Self {
        Self::at_url(&app.url())
    }

    pub(crate) fn at_url(app: &str) -> Self {
        let client = Client::builder().cookie_store(true).redirect(Policy::none());
        Self { client: client.build().unwrap(), app: app.to_owned() }
    }

    pub(crate) fn open(&self) -> RequestBuilder {
        self.client.get(self.app.clone() + "/").header("accept", "text/html")
    }

    pub(crate) fn submit(&self, name: &str, email: &str) -> RequestBuilder {
        self.post("/submit").form(&[("name", name), ("email", email)])
    }

    pub(crate) fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(self.app.clone() + path).header("accept", "text/html")
    }
}

pub(crate) fn url(path: &str) -> String {
    shared().write_app.url() + path
}

/// How many users with this email the pod has.
pub(crate) async fn count_on(ordinal: u8, email: &str) -> String {
    let SharedCluster { cluster, .. } = shared();
    let sql = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    cluster.sql(ordinal, &sql).await.unwrap()
}

/// Waits until the replica has the user.
pub(crate) async fn wait_for_replica(email: &str) {
    let end = Instant::now() + Duration::from_secs(10);
    while count_on(1, email).await != "1" {
        assert!(Instant::now() < end, "{email} did not reach the replica");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
