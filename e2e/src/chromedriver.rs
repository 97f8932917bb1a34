//! One chromedriver for all browsers of a process. It ends with the process, and the browsers end with it.

use std::{path::Path, process::Stdio, time::Duration};

use anyhow::{Context as _, bail};
use fantoccini::{Client, ClientBuilder, wd::Capabilities};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    sync::OnceCell,
    time::timeout,
};

use demo::for_tests;

/// How long chromedriver may take to start.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// chromedriver prints this before its port once it listens.
const STARTED: &str = "started successfully on port ";

/// Why some of these are needed:
///
/// - The sandbox does not work for root, and the tests open only pages of this project.
/// - In a small `/dev/shm`, as containers have it, a tab would crash.
/// - Through a pipe Chromium notices that chromedriver has ended, and ends too. Through a port it would not.
/// - Chromium itself makes no requests over the network.
/// - A name that is not `localhost` leads to this machine, for tests with a proxy.
const ARGUMENTS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example.com 127.0.0.1",
];

struct Chromedriver {
    url: String,
    _process: Child,
    /// If this were closed, chromedriver would end when it next writes.
    _output: Lines<BufReader<ChildStdout>>,
}

/// Starts a browser with an empty profile. Its client runs on the runtime of the local cluster.
pub(crate) async fn new_session() -> anyhow::Result<Client> {
    for_tests::run(async {
        let mut capabilities = Capabilities::new();
        capabilities.insert("goog:chromeOptions".into(), json!({ "args": ARGUMENTS }));
        capabilities.insert("goog:loggingPrefs".into(), json!({ "browser": "ALL" }));
        // Proxies of tests have certificates that no authority has signed.
        capabilities.insert("acceptInsecureCerts".into(), json!(true));
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&chromedriver().await?.url)
            .await
            .context("chromedriver could not start Chromium")
    })
    .await
}

async fn chromedriver() -> anyhow::Result<&'static Chromedriver> {
    static CHROMEDRIVER: OnceCell<Chromedriver> = OnceCell::const_new();
    let starting =
        || async { timeout(START_DEADLINE, start()).await.context("chromedriver is silent")? };
    CHROMEDRIVER.get_or_try_init(starting).await
}

/// The kernel stops chromedriver when the thread that started it ends. So this runs on a thread of the runtime, which
/// lives as long as the process.
async fn start() -> anyhow::Result<Chromedriver> {
    let folder = for_tests::run_folder()?.join("browser");
    std::fs::create_dir_all(&folder)?;
    let mut process = command(&folder).spawn().context("setpriv cannot be started")?;
    let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some((_, port)) = line.split_once(STARTED) {
            let url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
            return Ok(Chromedriver { url, _process: process, _output: lines });
        }
    }
    bail!("chromedriver does not start: install it and Chromium (Debian: chromium chromium-driver)")
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "TERM", "chromedriver", "--port=0"])
        // Chromium creates its profiles there. The next process removes what is left.
        .env("TMPDIR", folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}
