//! Requests to the apps.

use std::time::{Duration, Instant};

use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::{TOO_SLOW, shared},
};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

/// Registers a user through write-app and waits until the replica has all that the primary has.
pub(crate) async fn register(name: &str, email: &str) {
    let body = json!({ "name": name, "email": email });
    let url = shared().write_app.url() + "/submit";
    Client::new().post(url).json(&body).send().await.unwrap().error_for_status().unwrap();
    let cluster = &shared().cluster;
    let written = cluster.sql(0, "SELECT @@GLOBAL.gtid_executed").await.unwrap();
    let caught_up = format!("SELECT WAIT_FOR_EXECUTED_GTID_SET('{written}', 10)");
    assert_eq!(cluster.sql(1, &caught_up).await.unwrap(), "0", "the replica did not catch up");
}

/// The status and the JSON of an app at this path.
pub(crate) async fn get(app: &RunningApp, path: &str) -> (StatusCode, Value) {
    let response = Client::new().get(app.url() + path).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

/// The JSON at this path, as [`served_at`].
pub(crate) async fn served(app: &RunningApp, path: &str) -> Value {
    served_at(&Client::new(), &(app.url() + path)).await
}

/// The JSON of a read that a pod has answered. Where a machine is busy, the pods may be too slow. Then read-app rightly
/// says so, and this asks again.
pub(crate) async fn served_at(client: &Client, url: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let response = client.get(url).send().await.unwrap();
        let (status, body): (_, Value) = (response.status(), response.json().await.unwrap());
        if status == StatusCode::OK {
            return body;
        }
        assert!(is_too_slow(&body) && Instant::now() < end, "{url}: {status}: {body}");
    }
}

/// Whether this says that a pod which runs does not answer in time.
pub(crate) fn is_too_slow(body: &Value) -> bool {
    body["code"].as_str().is_some_and(|code| TOO_SLOW.contains(&code))
}

/// The page at a path that asks, without an attempt that failed: a capital letter among the dots. A pod may be too slow
/// on a machine that is busy. Then its dots do not show the mode, and this asks again.
pub(crate) async fn undisturbed_page(app: &RunningApp, path: &str) -> String {
    for _ in 0..5 {
        let page = page_at(app, path).await;
        let dots = |field: &str| {
            let (_, rest) = page.split_once(&format!("name=\"{field}\" value=\""))?;
            Some(rest.split_once('"')?.0)
        };
        let dots = [dots("seen"), dots("seen2")].into_iter().flatten().collect::<String>();
        if !dots.contains(|dot: char| dot.is_ascii_uppercase()) {
            return page;
        }
    }
    panic!("some attempts failed each time: {path}")
}

/// The JSON of `GET /users`.
pub(crate) async fn users_of(app: &RunningApp) -> Value {
    served(app, "/users").await
}

/// The page at this path, as a browser gets it.
pub(crate) async fn page_at(app: &RunningApp, path: &str) -> String {
    let request = Client::new().get(app.url() + path).header("accept", "text/html");
    request.send().await.unwrap().text().await.unwrap()
}

/// The page, as a browser gets it.
pub(crate) async fn page_of(app: &RunningApp) -> String {
    page_at(app, "/").await
}

/// read-app with this host in place of `mysql-read`.
pub(crate) async fn app_with_host(host: &str) -> RunningApp {
    shared().app_with_host(READ_APP, host).await.unwrap()
}

/// Waits until the condition holds, for 30 seconds at most.
pub(crate) async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(Instant::now() < end, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
