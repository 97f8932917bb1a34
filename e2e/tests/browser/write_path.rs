//! From write-app to read-app with the GTID of a commit, and a write that a replica refuses.

use e2e::browser::{Browser, LAPTOP};

use crate::pages::{Pages, new_email, pages};

#[tokio::test]
async fn a_registration_is_read_back_by_its_token_with_and_without_scripts() {
    for scripts in [true, false] {
        let pages = pages().await;
        let browser = Browser::open(LAPTOP).await;
        if !scripts {
            browser.forbid_scripts().await;
        }
        register(&browser, &pages, "Katherine Johnson").await;

        browser.click(".done a.button").await;
        browser.until("return document.querySelector('#users .mine') !== null").await;

        assert!(browser.url().await.starts_with(&format!("{}?after=", pages.read())));
        assert!(browser.text("#users .mine").await.contains("Katherine Johnson"));
        let finding = browser.text("#users .answer").await;
        assert!(finding.contains("mysql-") && finding.contains(" had it "), "{finding}");
        assert!(browser.text("#served").await.contains("mysql-"));
    }
}

#[tokio::test]
async fn the_error_of_a_replica_that_refuses_the_write_has_the_focus() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.goto(&pages.write()).await;

    browser.click("form[action='/try-replica'] button").await;

    let focused = "const it = document.activeElement; return it.matches('section') && it.innerText";
    let said = browser.until(focused).await.to_string();
    assert!(said.contains("mysql-1") && said.contains("ERROR 1290 (HY000)"), "{said}");
    assert!(said.contains("--read-only"), "{said}");
}

async fn register(browser: &Browser, pages: &Pages, name: &str) {
    browser.goto(&pages.write()).await;
    browser.fill("#name", name).await;
    browser.fill("#email", &new_email()).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('.done') !== null").await;
}
