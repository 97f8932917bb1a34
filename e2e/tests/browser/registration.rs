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
        "The part after the @ has no dot. Enter one such as example.org."
    );
}
