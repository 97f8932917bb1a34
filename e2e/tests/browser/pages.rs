//! Both apps for a test, and users for them.

use std::sync::atomic::{AtomicU32, Ordering};

use demo::{
    LocalCluster,
    apps::{RunningApp, serve_both},
    for_tests::{self, SeparateCluster, shared},
};
use reqwest::Client;
use serde_json::json;
use tokio::net::TcpListener;

/// Both apps, each with links to the other.
pub(crate) struct Pages([RunningApp; 2]);

impl Pages {
    /// The URL of write-app's page.
    pub(crate) fn write(&self) -> String {
        self.0[0].url() + "/"
    }

    /// The URL of read-app's page.
    pub(crate) fn read(&self) -> String {
        self.0[1].url() + "/"
    }

    /// Both URLs.
    pub(crate) fn both(&self) -> [String; 2] {
        [self.write(), self.read()]
    }

    /// Stops both apps.
    pub(crate) async fn stop(self) {
        for app in self.0 {
            app.stop().await.unwrap();
        }
    }

    /// Registers a user with this name.
    pub(crate) async fn register(&self, name: &str) {
        let body = json!({ "name": name, "email": new_email() });
        let response =
            Client::new().post(self.write() + "submit").json(&body).send().await.unwrap();
        response.error_for_status().unwrap();
    }
}

/// Pages over the primary and the replica that all tests share. Their turns and pools are for this test alone.
pub(crate) async fn pages() -> Pages {
    for_tests::run(serve(&shared().cluster)).await.unwrap()
}

/// Pages over servers that the test may break.
pub(crate) async fn separate() -> (SeparateCluster, Pages) {
    let servers = SeparateCluster::start(2).await.unwrap();
    let pages = serve(&servers.cluster).await.unwrap();
    (servers, pages)
}

async fn serve(cluster: &LocalCluster) -> anyhow::Result<Pages> {
    let listener = || TcpListener::bind("127.0.0.1:0");
    Ok(Pages(serve_both([listener().await?, listener().await?], cluster).await?))
}

/// An email that no other test uses.
pub(crate) fn new_email() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}
