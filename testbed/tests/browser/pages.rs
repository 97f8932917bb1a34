//! Where the pages are, and who is registered.

use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Client;
use serde_json::json;
use tempfile::TempDir;
use testbed::{
    Progress, Testbed,
    apps::{RunningApp, serve_both},
    network::Network,
    shared::{self, TEST_NETWORKS, cache_folder, shared},
    testbed::Plan,
};
use tokio::{net::TcpListener, sync::OnceCell};

/// Both apps, each with links to the other.
pub(crate) struct Pages([RunningApp; 2]);

impl Pages {
    /// write-app's page.
    pub(crate) fn write(&self) -> String {
        self.0[0].url() + "/"
    }

    /// read-app's page.
    pub(crate) fn read(&self) -> String {
        self.0[1].url() + "/"
    }

    /// Both.
    pub(crate) fn both(&self) -> [String; 2] {
        [self.write(), self.read()]
    }

    /// Registers somebody.
    pub(crate) async fn register(&self, name: &str) {
        let body = json!({ "name": name, "email": new_email() });
        let answer = Client::new().post(self.write() + "submit").json(&body).send().await.unwrap();
        answer.error_for_status().unwrap();
    }
}

/// The pages of all tests, over one primary and one replica.
pub(crate) async fn pages() -> &'static Pages {
    static PAGES: OnceCell<Pages> = OnceCell::const_new();
    PAGES.get_or_init(async || shared::run(serve(&shared().testbed)).await.unwrap()).await
}

async fn serve(testbed: &Testbed) -> anyhow::Result<Pages> {
    let listener = || TcpListener::bind("127.0.0.1:0");
    Ok(Pages(serve_both([listener().await?, listener().await?], testbed).await?))
}

/// Servers and pages that one test may break.
pub(crate) struct OwnPages {
    pub(crate) pages: Pages,
    pub(crate) testbed: Testbed,
    _folders: [TempDir; 2],
}

impl OwnPages {
    pub(crate) async fn start() -> Self {
        let cache = cache_folder().unwrap();
        std::fs::create_dir_all(&cache).unwrap();
        let folders = [tempfile::tempdir_in(&cache).unwrap(), tempfile::tempdir().unwrap()];
        let [volumes, run] = folders.each_ref().map(|folder| folder.path().to_owned());
        let network = Network::claim_any(TEST_NETWORKS).unwrap();
        let progress: Progress = |_| {};
        let testbed = Testbed::start(Plan { volumes, run, cache, network, pods: 2, progress });
        let testbed = testbed.await.unwrap();
        Self { pages: serve(&testbed).await.unwrap(), testbed, _folders: folders }
    }

    /// Stops the servers before their folders go.
    pub(crate) async fn stop(self) {
        self.testbed.stop().await.unwrap();
    }
}

/// An email that no other test uses.
pub(crate) fn new_email() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}
