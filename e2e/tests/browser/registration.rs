//! A person registers on write-app's page.

use e2e::browser::{Browser, Key, LAPTOP};

use crate::pages::{new_email, pages};

#[tokio::test]
async fn a_person_registers_by_the_keyboard_alone_and_the_result_has_the_focus() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.goto(&pages.write()).await;

    browser.tab_to("#name").await;
    browser.type_keys("Łukasz 李").await;
    browser.press(Key::Tab).await;
    browser.type_keys(&new_email()).await;
    browser.press(Key::Enter).await;

    let result = "const it = document.activeElement; return it.matches('section') && it.innerText";
    let result = browser.until(result).await.to_string();
    assert!(result.contains("Łukasz 李 is user") && result.contains("mysql-0"), "{result}");
    assert_eq!(browser.value("#name").await, "", "the form is empty again");
}

#[tokio::test]
async fn after_a_refusal_the_fields_keep_their_text_and_the_summary_has_the_focus() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.goto(&pages.write()).await;

    browser.fill("#name", "Ada").await;
    // The browser checks no email, and write-app says what is wrong with this one.
    browser.fill("#email", "josé＠example").await;
    browser.press(Key::Enter).await;

    let focused = "return document.activeElement.matches('[role=alert]')";
    browser.until(focused).await;
    assert_eq!(browser.value("#name").await, "Ada");
    assert_eq!(browser.value("#email").await, "josé＠example");
    let described = "const field = document.querySelector('#email');
        return document.getElementById(field.getAttribute('aria-describedby')).innerText";
    assert_eq!(
        browser.run(described).await,
        "The part after the @ has no dot. Enter a domain such as example.org."
    );
}

#[tokio::test]
async fn a_person_who_goes_back_may_send_the_form_again_as_it_was_or_changed() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.goto(&pages.write()).await;
    browser.fill("#name", "Ada").await;
    let email = new_email();
    browser.fill("#email", &email).await;
    browser.press(Key::Enter).await;
    browser.until("return document.querySelector('.done') !== null").await;
    let registered = browser.text("h1").await;

    go_back(&browser).await;
    // Chromium loads the page again, and keeps what was typed: a hidden field would be another one.
    let loaded = browser.run("return performance.getEntriesByType('navigation')[0].type").await;
    assert_eq!(loaded, "back_forward");
    assert_eq!(browser.value("#email").await, email.as_str());
    browser.click("form[action='/submit'] button").await;

    browser.until("return document.querySelector('.done') !== null").await;
    assert_eq!(browser.text("h1").await, registered);
    let said = browser.text(".done").await;
    assert!(said.contains("registered already, by an earlier click"), "{said}");

    go_back(&browser).await;
    browser.fill("#name", " Lovelace").await;
    browser.run("document.querySelector('#email').value = ''").await;
    browser.fill("#email", &new_email()).await;
    browser.press(Key::Enter).await;

    browser.until("return document.querySelector('.done') !== null").await;
    let changed = browser.text(".done").await;
    assert!(changed.contains("Lovelace") && !changed.contains("already"), "{changed}");
}

async fn go_back(browser: &Browser) {
    browser.run("history.back()").await;
    let is_back = "return document.querySelector('#name') && !document.querySelector('.done') &&
        document.readyState === 'complete'";
    browser.until(is_back).await;
}
