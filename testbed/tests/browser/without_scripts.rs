//! Both pages do their work where no script runs.

use testbed::browser::{Browser, LAPTOP};

use crate::pages::{new_email, pages};

#[tokio::test]
async fn without_scripts_a_person_registers_and_reads_the_registration_back() {
    let browser = Browser::open(LAPTOP).await;
    browser.forbid_scripts().await;
    let email = new_email();

    browser.goto(&pages().await.write()).await;
    browser.fill("#name", "Grace Hopper").await;
    browser.fill("#email", &email).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('.done') !== null").await;
    assert!(browser.text(".done").await.contains("Grace Hopper is user"));

    browser.goto(&pages().await.read()).await;
    browser.refresh_until_text("main", &email).await;
}
