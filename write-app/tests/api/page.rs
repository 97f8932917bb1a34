//! The page.

use demo::for_tests::shared;

use crate::client::{Browser, new_email};

#[tokio::test]
async fn the_page_says_which_pod_a_write_goes_to_and_its_address_now() {
    let page = Browser::new().open().send().await.unwrap().text().await.unwrap();

    assert!(page.contains("mysql-0.mysql"), "{page}");
    assert!(
        page.contains("→ <code class=\"answer\">127."),
        "the local cluster's address of mysql-0: {page}"
    );
    assert!(page.contains("href=\"/glossary#primary\""), "{page}");
}

#[tokio::test]
async fn every_pod_has_its_address_on_the_page() {
    let page = Browser::new().open().send().await.unwrap().text().await.unwrap();

    let (_, pods) = page.split_once("<ul class=\"pods\">").unwrap();
    for ordinal in [0, 1] {
        let address = shared().cluster.address(ordinal);
        let row = format!(">mysql-{ordinal}</span> <code class=\"at\">{address}</code>");
        assert!(pods.contains(&row), "{row}: {page}");
    }
}

#[tokio::test]
async fn while_the_primary_answers_the_page_says_what_would_happen_without_it_at_its_end() {
    let page = Browser::new().open().send().await.unwrap().text().await.unwrap();

    let (before, after) = page.split_once("If mysql-0 is gone").unwrap();
    assert!(before.contains("action=\"/try-replica\""), "{page}");
    assert!(
        after.contains("No replica takes over") && !page.contains("cannot be reached"),
        "{page}"
    );
}

#[tokio::test]
async fn a_name_with_markup_is_shown_as_text() {
    let browser = Browser::new();

    browser.submit("<script>alert(1)</script>", &new_email()).send().await.unwrap();

    let page = browser.open().send().await.unwrap().text().await.unwrap();
    assert!(page.contains("alert(1)") && !page.contains("<script"), "{page}");
}

#[tokio::test]
async fn the_page_allows_no_script_and_nothing_from_other_sites() {
    let response = Browser::new().open().send().await.unwrap();

    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[tokio::test]
async fn the_page_links_to_read_app_on_the_same_host() {
    let page = Browser::new()
        .open()
        .header("host", "node.example:30000")
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap();

    assert!(page.contains(r#"href="http://node.example:30001/""#), "{page}");
}
