//! Both apps compiled for arm64 by `.ci/arm64`, which also runs this. An emulator of that processor runs them beside
//! the real MySQL servers and the DNS of the local cluster.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    process::Command,
    time::{Duration, Instant},
};

use app_core::config::About;
use demo::{
    for_tests::shared,
    process::{Process, Signal},
};
use e2e::documents::root;
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};
use tokio::time::sleep;

/// Both apps.
const APPS: [&About; 2] = [&write_app::ABOUT, &read_app::ABOUT];

/// How long an app may take to reach MySQL: the emulator takes many instructions for one.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// One of the apps in the emulator, which runs only programs for arm64, and none that needs a library.
fn emulated(about: &About) -> Command {
    let program = root().join("target/arm64/aarch64-unknown-linux-gnu/debug").join(about.name);
    assert!(program.exists(), "{}: run .ci/arm64", program.display());
    let mut command = Command::new("/usr/bin/qemu-aarch64-static");
    command.arg(program);
    command
}

/// One of the apps, serving as its Deployment would, once it has reached MySQL.
async fn start(about: &About) -> Process {
    let app = Process::start_by(emulated(about), about, &shared().cluster, &[]).await.unwrap();
    let end = Instant::now() + READY_DEADLINE;
    while get(&app, "/readyz").await.status() != StatusCode::OK {
        assert!(Instant::now() < end, "{} is not ready: {:#?}", about.name, app.log());
        sleep(Duration::from_millis(100)).await;
    }
    app
}

async fn get(app: &Process, path: &str) -> Response {
    Client::new().get(format!("{}{path}", app.url())).send().await.unwrap()
}

#[test]
fn it_names_its_version_and_checks_its_configuration() {
    for about in APPS {
        let run = |option: &str, port: &str| {
            let mut app = emulated(about);
            app.env_clear().env("DB_PASSWORD", "demo").env("DB_PORT", port);
            app.arg(option).output().unwrap()
        };
        let version = String::from_utf8(run("--version", "3306").stdout).unwrap();
        assert_eq!(version.trim(), format!("{} {}", about.name, about.version));
        assert!(run("--check-config", "3306").status.success());
        let wrong = run("--check-config", "many");
        assert_eq!(wrong.status.code(), Some(78));
        assert!(String::from_utf8(wrong.stderr).unwrap().contains("DB_PORT"));
    }
}

#[tokio::test]
async fn a_registered_user_is_in_the_list_by_every_way_to_read_and_both_apps_stop_when_told() {
    let (mut write, mut read) = (start(APPS[0]).await, start(APPS[1]).await);
    for app in [&write, &read] {
        assert_eq!(get(app, "/healthz").await.status(), StatusCode::OK);
    }

    let user = json!({ "name": "Zoë Łukasz 李", "email": "zoe@bücher.example" });
    let submitted = Client::new().post(format!("{}/submit", write.url())).json(&user).send();
    let stored: Value = submitted.await.unwrap().json().await.unwrap();

    assert_eq!((&stored["success"], &stored["pod"]), (&json!(true), &json!("mysql-0")), "{stored}");
    for way in ["via=mysql-read&with=new", "via=mysql-read&with=pool", "via=mysql&strategy=random"]
    {
        let after = stored["gtid"].as_str().unwrap();
        let list = get(&read, &format!("/users?after={after}&wait=5&{way}")).await;
        let list: Value = list.json().await.unwrap();
        let found = list["users"].as_array().unwrap_or_else(|| panic!("{way}: {list}"));
        let found = found.iter().find(|found| found["id"] == stored["id"]);
        let found = found.unwrap_or_else(|| panic!("{way}: {list}"));
        assert_eq!((&found["name"], &found["email"]), (&user["name"], &user["email"]));
    }

    for app in [&mut write, &mut read] {
        app.signal(Signal::TERM).unwrap();
        assert!(app.end().await.unwrap().success(), "{:?}", app.log());
    }
}
