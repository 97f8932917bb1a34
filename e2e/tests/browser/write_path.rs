//! From write-app to read-app with the GTID of a commit, and a write that a replica refuses.

use e2e::browser::{Browser, LAPTOP, TELEPHONE, View};

use crate::{
    axe::violations,
    pages::{Pages, new_email, pages, separate},
};

/// Whether the section with the focus has a bar in the colour of failures.
const HAS_RED_BAR: &str =
    "const section = document.activeElement, mark = section.querySelector('.mark.f');
    const [bar, red] = [getComputedStyle(section).borderLeftColor, getComputedStyle(mark).color];
    return bar === red && section.clientLeft === 3";

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

        let url = browser.url().await;
        assert!(url.starts_with(&pages.read()) && url.contains("after="), "{url}");
        assert!(browser.text("#users .mine").await.contains("Katherine Johnson"));
        let finding = browser.text("#users .answer").await;
        assert!(finding.contains("mysql-") && finding.contains(" had user "), "{finding}");
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
    assert_eq!(browser.run(HAS_RED_BAR).await, true, "it looks like a refusal");
    assert_eq!(browser.count("[role=alert]").await, 0, "the person has done nothing wrong");
    assert_is_accessible(&browser).await;
}

#[tokio::test]
async fn a_registration_that_is_refused_has_a_red_bar_and_one_that_succeeded_has_none() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    register(&browser, &pages, "Ada").await;
    assert_eq!(browser.count(".done .mark, .done.failed").await, 0);

    browser.fill("#name", "Ada").await;
    browser.fill("#email", "ada").await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('[role=alert]') !== null").await;

    assert_eq!(browser.run(HAS_RED_BAR).await, true);
}

#[tokio::test]
async fn without_the_primary_the_page_says_what_works_and_keeps_what_a_person_types() {
    let (mut servers, pages) = separate().await;
    let browser = Browser::open(LAPTOP).await;
    servers.cluster.stop_pod(0).await.unwrap();
    browser.goto(&pages.write()).await;
    browser.refresh_until_text("main", "mysql-0 cannot be reached").await;

    let title = browser.text("h1").await;
    assert!(title.contains("mysql-0 cannot be reached"), "{title}");
    assert!(browser.text("section.failed").await.contains("Reading goes on"));
    assert_is_accessible(&browser).await;
    browser.fill("#name", "Ada").await;
    browser.fill("#email", &new_email()).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('[role=alert]') !== null").await;

    assert_eq!(browser.value("#name").await, "Ada");
    assert_eq!(browser.count("a.button[href='/']").await, 0, "no link away from the text");
    assert_is_accessible(&browser).await;
}

/// axe finds nothing, and nothing is wider than a telephone.
async fn assert_is_accessible(browser: &Browser) {
    for view in [LAPTOP, View { dark: true, ..LAPTOP }, TELEPHONE] {
        browser.set_view(view).await;
        let violations = violations(browser).await;
        assert!(violations.is_empty(), "{view:?}: {violations:#?}");
        assert_eq!(browser.excess_width().await, 0, "{view:?}: so many pixels too wide");
    }
    browser.set_view(LAPTOP).await;
}

async fn register(browser: &Browser, pages: &Pages, name: &str) {
    browser.goto(&pages.write()).await;
    browser.fill("#name", name).await;
    browser.fill("#email", &new_email()).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('.done') !== null").await;
}
