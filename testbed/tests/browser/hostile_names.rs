//! What people type is shown as they typed it, and never runs.

use testbed::browser::{Browser, LAPTOP};

use crate::pages::{new_email, pages};

const NAMES: [&str; 4] = [
    "<script>document.title='taken over'</script>",
    "\"><img src=x onerror=\"document.title='taken over'\">",
    "'-alert`taken over`-' {{7*7}} ${7*7}",
    "</title></bdi><svg onload=\"document.title='taken over'\">",
];

#[tokio::test]
async fn a_hostile_name_is_shown_as_text_and_runs_nothing() {
    let (pages, browser) = (pages().await, Browser::open(LAPTOP).await);

    for name in NAMES {
        let email = new_email();
        browser.goto(&pages.write()).await;
        browser.fill("#name", name).await;
        browser.fill("#email", &email).await;
        browser.click("form[action='/submit'] button").await;
        browser.until("return document.querySelector('.done') !== null").await;
        assert!(browser.text(".done").await.contains(&format!("{name} is user")));
        assert_is_inert(&browser).await;

        browser.goto(&pages.read()).await;
        browser.refresh_until_text("#users", &email).await;
        assert!(browser.text("#users").await.contains(name), "{name}");
        assert_is_inert(&browser).await;
    }
}

/// Nothing of a name became an element, and nothing of it ran.
async fn assert_is_inert(browser: &Browser) {
    let title = browser.title().await;
    assert!(!title.contains("taken over"), "{title}");
    let foreign =
        "return document.querySelectorAll('[onerror], [onload], script:not([src]), img').length";
    assert_eq!(browser.run(foreign).await, 0);
}
