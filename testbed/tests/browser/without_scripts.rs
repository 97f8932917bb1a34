//! Both pages do their work where no script runs.

use testbed::browser::{Browser, LAPTOP};

use crate::pages::{new_email, pages};

#[tokio::test]
async fn without_scripts_a_person_registers_and_reads_the_registration_back() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.forbid_scripts().await;
    let email = new_email();

    browser.goto(&pages.write()).await;
    browser.fill("#name", "Grace Hopper").await;
    browser.fill("#email", &email).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('.done') !== null").await;
    assert!(browser.text(".done").await.contains("Grace Hopper is user"));

    browser.goto(&pages.read()).await;
    browser.refresh_until_text("#users", &email).await;
}

#[tokio::test]
async fn without_scripts_the_form_asks_twenty_times_in_the_mode_that_was_chosen() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.forbid_scripts().await;
    browser.goto(&pages.read()).await;
    assert!(!browser.is_visible("#play").await && !browser.is_visible("#rate").await);

    browser.click("#controls button[value='20']").await;
    browser.until(&answers_are(21)).await;
    browser.click("#controls input[value='mysql']").await;
    browser.click("#controls button[value='20']").await;
    browser.until(&answers_are(20)).await;

    let dots = browser.text("#dots-1").await.replace(char::is_whitespace, "");
    assert!(!dots.contains("00") && !dots.contains("11"), "round-robin alternates: {dots}");
    browser.click("#controls button[name='over']").await;
    browser.until("return document.querySelectorAll('#dots-1 i').length <= 1").await;
}

fn answers_are(count: usize) -> String {
    format!("return document.querySelectorAll('#dots-1 i:not(.f)').length === {count}")
}
