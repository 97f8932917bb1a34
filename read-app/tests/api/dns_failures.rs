//! What read-app makes of a DNS server that fails: the pods that it knows stay.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::shared,
    scripted_dns::{Reply, ScriptedDns},
};
use reqwest::StatusCode;
use serde_json::Value;

use crate::client::{get, page_at, until};

pub(crate) const HEADLESS: &str = "mysql.default.svc.cluster.local.";

/// A DNS server that knows both Services, and a read-app that asks it.
pub(crate) async fn server_and_app() -> (ScriptedDns, RunningApp) {
    let server = ScriptedDns::start().await.unwrap();
    let cluster = &shared().cluster;
    let pods = [0, 1].map(|ordinal| IpAddr::from(cluster.address(ordinal)));
    server.reply(HEADLESS, Reply::Addresses(pods.to_vec()));
    server.reply("mysql-read.default.svc.cluster.local.", Reply::Addresses(vec![pods[0]]));
    let variables = vec![("DNS_SERVER".to_owned(), server.address().to_string())];
    let app = shared().app_with(READ_APP, variables).await.unwrap();
    (server, app)
}

async fn pods(app: &RunningApp) -> Vec<Value> {
    let (_, body) = get(app, "/pods").await;
    body["pods"].as_array().unwrap().clone()
}

async fn reads_go_on_for(time: Duration, app: &RunningApp) {
    let start = Instant::now();
    while start.elapsed() < time {
        let (status, body) = get(app, "/users?via=mysql&with=pool").await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(pods(app).await.len(), 2);
    }
}

async fn assert_the_page_knows_of_no_pod_that_left(app: &RunningApp) {
    // mysql-2 has answered before, and read-app has no address of it.
    let page = page_at(app, "/?via=mysql&seen=0122").await;
    assert!(page.contains(">no answer</code>"), "DNS is silent: {page}");
    for claim in ["has left", "gone, and not in DNS", "no longer names mysql-"] {
        assert!(!page.contains(claim), "{claim}: {page}");
    }
}

#[tokio::test]
async fn pods_stay_listed_and_serve_while_dns_fails_and_leave_when_it_says_so() {
    for failure in [Reply::Failure, Reply::Silence] {
        let (server, app) = server_and_app().await;
        until("both pods", async || pods(&app).await.len() == 2).await;
        assert_eq!(
            get(&app, "/names").await.1["answers"][0]["records"].as_array().unwrap().len(),
            2
        );

        server.reply(HEADLESS, failure);

        let server_name = server.address().ip().to_string();
        until("/names to name the DNS server", async || {
            let (_, names) = get(&app, "/names").await;
            names["answers"][0]["problem"].as_str().is_some_and(|why| why.contains(&server_name))
        })
        .await;
        reads_go_on_for(Duration::from_secs(3), &app).await;
        let (_, names) = get(&app, "/names").await;
        let changes = names["changes"].as_array().unwrap();
        assert!(changes.is_empty(), "nothing is known to have left: {changes:?}");
        assert_the_page_knows_of_no_pod_that_left(&app).await;

        server.forget(HEADLESS);
        until("no pod", async || pods(&app).await.is_empty()).await;
        until("both addresses to have left", async || {
            let (_, names) = get(&app, "/names").await;
            let changes = names["changes"].as_array().unwrap();
            changes.len() == 2 && changes.iter().all(|change| change["came"] == false)
        })
        .await;
    }
}

#[tokio::test]
async fn visitors_decide_neither_how_often_dns_is_asked_nor_for_which_names() {
    let (server, app) = server_and_app().await;
    until("both pods", async || pods(&app).await.len() == 2).await;
    let asked =
        |name: &str| server.asked().get(&format!("{name}.{HEADLESS}")).copied().unwrap_or_default();
    let (start, before) = (Instant::now(), asked("mysql-0"));

    // Dots of pods that never answered, in all combinations of two.
    for dots in 1..=35_u32 {
        let dot = char::from_digit(dots, 36).unwrap();
        let paths = ["", "0"].map(|other| format!("/?part=live&ask=0&seen={other}{dot}"));
        let (one, two) = tokio::join!(page_at(&app, &paths[0]), page_at(&app, &paths[1]));
        assert!(one.contains(HEADLESS) && two.contains(HEADLESS), "{one}");
    }

    let periods = u32::try_from(start.elapsed().as_millis() / 500).unwrap() + 1;
    let lookups = asked("mysql-0") - before;
    assert!(lookups <= periods, "{lookups} lookups in {periods} periods");
    let others: u32 = (1..=35).map(|ordinal| asked(&format!("mysql-{ordinal}"))).sum();
    assert_eq!(others, 0, "{:?}", server.asked());
}

#[tokio::test]
async fn the_name_of_a_pod_that_has_answered_is_looked_up_while_it_is_missing() {
    let (server, app) = server_and_app().await;
    until("both pods to answer", async || {
        let (_, body) = get(&app, "/users?via=mysql").await;
        body["mysql_pod"] == "mysql-1"
    })
    .await;

    let primary = IpAddr::from(shared().cluster.address(0));
    server.reply(HEADLESS, Reply::Addresses(vec![primary]));

    let own_name = format!("mysql-1.{HEADLESS}");
    until("its own name", async || {
        let page = page_at(&app, "/?part=live&ask=0&seen=01").await;
        page.contains("the name of a pod that does not answer")
    })
    .await;
    assert!(server.asked().contains_key(&own_name), "{:?}", server.asked());
}

#[tokio::test]
async fn requests_do_not_wait_until_a_silent_dns_server_has_missed_its_deadline() {
    let (server, app) = server_and_app().await;
    until("an answer", async || get(&app, "/names").await.1["answers"][0]["answered"] == true)
        .await;
    server.reply(HEADLESS, Reply::Silence);

    let (start, mut slowest) = (Instant::now(), Duration::ZERO);
    while start.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        get(&app, "/names").await;
        slowest = slowest.max(asked.elapsed());
    }

    assert!(
        slowest < Duration::from_millis(1_900),
        "DNS has two seconds, and this took {slowest:?}"
    );
}

#[tokio::test]
async fn the_error_of_a_read_blames_dns_only_where_dns_fails() {
    for (reply, code, why) in [
        (Some(Reply::Failure), "dns_no_answer", "the cluster’s DNS gave no answer"),
        (None, "database_name_unknown", "the name has no address"),
    ] {
        let (server, app) = server_and_app().await;
        server.forget("mysql-read.default.svc.cluster.local.");
        if let Some(reply) = reply {
            server.reply("mysql-read.default.svc.cluster.local.", reply);
        }
        until(code, async || {
            let (status, body) = get(&app, "/users?via=mysql-read&with=new").await;
            status == StatusCode::SERVICE_UNAVAILABLE && body["code"] == code
        })
        .await;
        let page = page_at(&app, "/?via=mysql-read&with=new").await;
        assert!(page.contains(&format!("No pod answered the last query: {why}")), "{page}");
    }
}
