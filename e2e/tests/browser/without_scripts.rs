//! Both pages do their work without scripts.

use e2e::browser::{Browser, LAPTOP};

use crate::{
    pages::{new_email, pages},
    read_page::open_list,
};

#[tokio::test]
async fn a_person_registers_and_reads_the_registration_back() {
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

    open_list(&browser, &pages.read()).await;
    browser.refresh_until_text("#users", &email).await;
}

#[tokio::test]
async fn the_form_asks_twenty_times_in_the_chosen_mode() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.forbid_scripts().await;
    open_list(&browser, &pages.read()).await;
    assert!(!browser.is_visible("#play").await && !browser.is_visible("#rate").await);

    let dots = ask_until(&browser, 21).await;
    assert!(dots.contains('0') || dots.contains('1'), "{dots}");
    browser.click("input[value='mysql']").await;

    let dots = ask_until(&browser, 20).await;

    // After an attempt that failed, read-app skips that pod for a while.
    let undisturbed = dots.split('×').next().unwrap();
    let alternates = !undisturbed.contains("00") && !undisturbed.contains("11");
    assert!(alternates && undisturbed.len() > 1, "round-robin alternates: {dots}");
    browser.click("#controls button[name='over']").await;
    browser.until("return document.querySelectorAll('#dots-1 i').length <= 1").await;
}

/// Presses "Ask 20 times" until there are so many dots; a press may end early.
async fn ask_until(browser: &Browser, dots: usize) -> String {
    loop {
        let page = browser.run("return performance.timeOrigin").await;
        browser.click("#controls button[value='20']").await;
        browser
            .until(&format!(
                "return performance.timeOrigin > {page} && document.readyState === 'complete'"
            ))
            .await;
        let shown = browser.text("#dots-1").await.replace(char::is_whitespace, "");
        if shown.chars().count() >= dots {
            return shown;
        }
    }
}
