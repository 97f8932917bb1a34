//! The two kinds of clients, and the questions that tests ask the servers.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use demo::{
    apps::RunningApp,
    for_tests::{SharedCluster, shared},
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};
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
        // The app closes a connection that is idle for five seconds, perhaps while a request is on its way.
        let client = Client::builder().cookie_store(true).pool_max_idle_per_host(0);
        let client = client.redirect(Policy::none()).build().unwrap();
        Self { client, app: app.to_owned() }
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

/// Sends a registration until write-app could carry it out or refuse it. While a machine is busy, write-app may get no
/// connection to MySQL in time: it says then that no user was registered.
pub(crate) async fn carried_out(request: RequestBuilder) -> (StatusCode, Value) {
    let response = until_served(request, |said| assert!(!said.contains("unknown"), "{said}")).await;
    (response.status(), response.json().await.unwrap())
}

/// Sends a request until its status is another than 503, which it may be while a machine is busy. `refused` sees what else
/// is said until then.
pub(crate) async fn until_served(
    request: RequestBuilder,
    mut refused: impl FnMut(String),
) -> Response {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let response = request.try_clone().unwrap().send().await.unwrap();
        if response.status() != StatusCode::SERVICE_UNAVAILABLE || Instant::now() > end {
            return response;
        }
        refused(response.text().await.unwrap());
    }
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
