//! Both apps get new passwords while they serve requests: no app restarts, and no request fails.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use demo::{
    apps::{App, READ_APP, RunningApp, WRITE_APP},
    for_tests::{SeparateCluster, TOO_SLOW},
    manifests::Files,
};
use reqwest::{Client, Response};
use serde_json::json;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};

/// One client requests each of these without a pause, and another client registers users.
const READS: [&str; 4] = [
    "/users",
    "/users?with=pool",
    "/users?via=mysql",
    "/users?via=mysql&with=pool&strategy=least-connections",
];

/// The Secret as the kubelet mounts it: each file is a link into the folder that `..data` points to.
struct MountedSecret(TempDir);

impl MountedSecret {
    fn new(passwords: [&str; 2]) -> Self {
        let mounted = Self(tempfile::tempdir().unwrap());
        for file in ["appuser", "reader"] {
            symlink(Path::new("..data").join(file), mounted.0.path().join(file)).unwrap();
        }
        mounted.swap(passwords);
        mounted
    }

    /// Replaces all passwords at once.
    fn swap(&self, passwords: [&str; 2]) {
        let data = tempfile::tempdir_in(self.0.path()).unwrap().keep();
        for (file, password) in ["appuser", "reader"].into_iter().zip(passwords) {
            fs::write(data.join(file), password).unwrap();
        }
        let link = self.0.path().join("..data_tmp");
        symlink(data, &link).unwrap();
        fs::rename(link, self.0.path().join("..data")).unwrap();
    }

    async fn serve(&self, app: App, account: &str, servers: &SeparateCluster) -> RunningApp {
        let file = self.0.path().join(account);
        let additions = [("DB_PASSWORD_FILE", file.to_str().unwrap())];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = app.serve(listener, &servers.cluster, &additions).unwrap();
        app.wait_until_ready().await.unwrap();
        app
    }
}

/// Clients that do not pause, and the failures that they saw.
#[derive(Clone, Default)]
struct Traffic {
    answered: Arc<[AtomicU32; READS.len() + 1]>,
    failures: Arc<Mutex<Vec<String>>>,
    is_over: Arc<AtomicBool>,
}

impl Traffic {
    fn begin(&self, write_app: &str, read_app: &str) -> Vec<JoinHandle<()>> {
        let reads = READS.map(|path| read_app.to_owned() + path);
        let mut clients: Vec<_> = reads
            .into_iter()
            .enumerate()
            .map(|(at, url)| tokio::spawn(self.clone().read(at, url)))
            .collect();
        clients.push(tokio::spawn(self.clone().write(write_app.to_owned())));
        clients
    }

    async fn read(self, at: usize, url: String) {
        let client = Client::new();
        while !self.is_over.load(Ordering::Relaxed) {
            self.note(at, client.get(&url).send().await.unwrap()).await;
        }
    }

    async fn write(self, write_app: String) {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let client = Client::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let body = json!({ "name": "Ada", "email": format!("ada{number}@example.org") });
            let request = client.post(write_app.clone() + "/submit").json(&body);
            self.note(READS.len(), request.send().await.unwrap()).await;
        }
    }

    async fn note(&self, at: usize, response: Response) {
        let is_success = response.status().is_success();
        let body = response.text().await.unwrap();
        // On a busy machine MySQL may be too slow, whatever the password is.
        if !is_success && !TOO_SLOW.iter().any(|code| body.contains(code)) {
            self.failures.lock().unwrap().push(body);
        }
        self.answered[at].fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until every client has ten more responses.
    async fn wait_for_ten_more(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        for answered in &*self.answered {
            let before = answered.load(Ordering::Relaxed);
            while answered.load(Ordering::Relaxed) < before + 10 {
                assert!(Instant::now() < end, "no answers: {:?}", self.failures.lock().unwrap());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

/// Runs SQL on the primary, and waits until the replica has applied it too.
async fn run_on_both(servers: &SeparateCluster, sql: &str) {
    servers.cluster.sql(0, sql).await.unwrap();
    let done = servers.cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap();
    let wait = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{done}', 30)");
    assert_eq!(servers.cluster.sql(1, &wait).await.unwrap(), "0");
}

/// Ends every connection of these accounts, so that the next request opens one.
async fn end_connections(servers: &SeparateCluster) {
    for ordinal in [0, 1] {
        let list = "SELECT CONCAT('KILL ', id, ';') FROM performance_schema.processlist \
                    WHERE user IN ('appuser', 'reader')";
        let kills = servers.cluster.sql(ordinal, list).await.unwrap();
        for kill in kills.lines() {
            // The connection may have ended by itself.
            let _ended = servers.cluster.sql(ordinal, kill).await;
        }
    }
}

/// Lets clients work before, during and after a change, and returns the failures that they saw.
async fn failures_during(
    apps: &[RunningApp; 2],
    change: impl AsyncFnOnce(&Traffic),
) -> Vec<String> {
    let traffic = Traffic::default();
    let [write_app, read_app] = apps;
    let clients = traffic.begin(&write_app.url(), &read_app.url());
    traffic.wait_for_ten_more().await;
    change(&traffic).await;
    traffic.wait_for_ten_more().await;
    traffic.is_over.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
    std::mem::take(&mut *traffic.failures.lock().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_apps_take_new_passwords_while_requests_go_on_and_none_fails() {
    let servers = SeparateCluster::start(2).await.unwrap();
    let demo = Files::mysql_credentials().unwrap();
    let old = ["appuser", "reader"].map(|name| demo.get(&format!("{name}-password")).unwrap());
    let secret = MountedSecret::new(old);
    let apps = [
        secret.serve(WRITE_APP, "appuser", &servers).await,
        secret.serve(READ_APP, "reader", &servers).await,
    ];

    let failures = failures_during(&apps, async |traffic| {
        for account in ["appuser", "reader"] {
            let new = format!("ALTER USER {account} IDENTIFIED BY 'new-{account}'");
            run_on_both(&servers, &(new + " RETAIN CURRENT PASSWORD")).await;
        }
        traffic.wait_for_ten_more().await;
        secret.swap(["new-appuser", "new-reader"]);
        traffic.wait_for_ten_more().await;
        for account in ["appuser", "reader"] {
            run_on_both(&servers, &format!("ALTER USER {account} DISCARD OLD PASSWORD")).await;
        }
    });
    assert_eq!(failures.await, [""; 0]);

    // Old connections would still work after the old passwords stopped working.
    end_connections(&servers).await;
    let failures = failures_during(&apps, async |_| {}).await;
    let refused = failures.iter().filter(|body| body.contains("database_access_denied"));
    assert_eq!(refused.count(), 0, "{failures:?}");
}
