//! The page while write-app cannot reach the primary.

use std::time::{Duration, Instant};

use demo::{
    apps::{RunningApp, WRITE_APP},
    for_tests::{SeparateCluster, Stalls, shared},
    scripted_dns::{Reply, ScriptedDns},
};
use reqwest::StatusCode;

use crate::client::{Browser, new_email, until_served};

async fn opened(app: &RunningApp) -> String {
    Browser::at(app).open().send().await.unwrap().text().await.unwrap()
}

/// Opens the page until it contains a text: write-app keeps an answer of DNS for a second.
async fn until_page_has(app: &RunningApp, text: &str) -> String {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let page = opened(app).await;
        if page.contains(text) {
            return page;
        }
        assert!(Instant::now() < end, "{text} is not in {page}");
    }
}

#[tokio::test]
async fn while_the_primary_is_stopped_the_page_begins_with_what_works_and_what_does_not() {
    let mut servers = SeparateCluster::start(2).await.unwrap();
    let app = servers.serve(WRITE_APP).await.unwrap();
    assert!(!opened(&app).await.contains("cannot be reached"));

    servers.cluster.stop_pod(0).await.unwrap();
    let page = until_page_has(&app, "DNS has no address for").await;

    assert!(page.contains("mysql-0 cannot be reached</h1>"), "{page}");
    assert!(page.contains("mysql-0 last answered write-app ") && page.contains(" ago."), "{page}");
    let (gone, form) = page.split_once("action=\"/submit\"").unwrap();
    assert!(gone.contains("Reading goes on") && !form.contains("Reading goes on"), "{page}");
    assert!(gone.contains(">Look again</a>"), "{page}");
    a_refused_registration_keeps_the_form(&app).await;
    // The replica still answers, and still refuses.
    let attempt = until_served(Browser::at(&app).post("/try-replica"), drop).await;
    let attempt = attempt.text().await.unwrap();
    assert!(
        attempt.contains("refuses the write") && attempt.contains("cannot be reached</h2>"),
        "{attempt}"
    );

    servers.cluster.start_pod(0).unwrap();
    servers.cluster.wait_until_ready(0).await.unwrap();
    let page = until_page_has(&app, "If mysql-0 is gone").await;
    assert!(!page.contains("cannot be reached"), "{page}");
}

async fn a_refused_registration_keeps_the_form(app: &RunningApp) {
    let refused = Browser::at(app).submit("Ada", &new_email()).send().await.unwrap();

    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    let page = refused.text().await.unwrap();
    assert!(page.contains("Not registered</h1>"), "{page}");
    assert!(page.contains("mysql-0 cannot be reached</h2>"), "{page}");
    assert!(page.contains("value=\"Ada\"") && !page.contains(">Look again</a>"), "{page}");
}

#[tokio::test]
async fn a_primary_that_stands_still_is_said_not_to_answer_and_the_page_comes_soon() {
    let mut servers = SeparateCluster::start(2).await.unwrap();
    let app = servers.serve(WRITE_APP).await.unwrap();
    servers.cluster.freeze(0).unwrap();

    let (begun, stalls) = (Instant::now(), Stalls::watch());
    let pages = (0..10).map(|_| tokio::spawn(Browser::at(&app).open().send()));
    for page in pages.collect::<Vec<_>>() {
        let page = page.await.unwrap().unwrap().text().await.unwrap();
        assert!(page.contains("no MySQL server answers there"), "{page}");
    }
    let took = begun.elapsed().saturating_sub(stalls.so_far());

    servers.cluster.thaw(0).unwrap();
    assert!(took < Duration::from_secs(4), "pages that wait together share a look: {took:?}");
    let page = until_page_has(&app, "If mysql-0 is gone").await;
    assert!(!page.contains("cannot be reached"), "{page}");
}

#[tokio::test]
async fn a_dns_server_that_fails_is_blamed_and_not_the_primary() {
    let dns = ScriptedDns::start().await.unwrap();
    for name in ["mysql-0.mysql", "_mysql._tcp.mysql"] {
        dns.reply(&format!("{name}.default.svc.cluster.local."), Reply::Failure);
    }
    let server = ("DNS_SERVER".to_owned(), dns.address().to_string());
    let app = shared().app_with(WRITE_APP, vec![server]).await.unwrap();

    let page = until_page_has(&app, "write-app cannot look up mysql-0.mysql</h1>").await;

    assert!(page.contains("mysql-0 has not answered since write-app started"), "{page}");
    assert!(page.contains("Which other pods there are is not known now"), "{page}");
    assert!(!page.contains("cannot be reached"), "{page}");
}

#[tokio::test]
async fn a_server_that_refuses_the_account_is_not_said_to_be_gone() {
    let password = ("DB_PASSWORD".to_owned(), "wrong".to_owned());
    let app = shared().app_with(WRITE_APP, vec![password]).await.unwrap();

    // On a busy machine, mysql-0 may take too long to refuse.
    let page = until_page_has(&app, "mysql-0 refuses write-app</h1>").await;

    assert!(page.contains("Compare the Secret mysql-credentials"), "{page}");
    assert!(page.contains("If mysql-0 is gone"), "{page}");
}
