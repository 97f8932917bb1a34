//! All people can use the pages, in windows of all sizes, light and dark.

use e2e::browser::{Browser, LAPTOP, TELEPHONE, View};
use serde_json::json;

use crate::{axe::violations, pages::pages};

/// The widths of a telephone, a tablet and a laptop, in CSS pixels.
const WIDTHS: [u32; 3] = [320, 768, 1280];

/// Two lanes with queries that failed; pods that the client picks; large text; a search that finds nothing.
const STATES: [&str; 4] = [
    "compare=on&seen=01U1023456789N&seen2=B1D0R1E",
    "via=mysql&with=pool&strategy=sticky&user=ada",
    "large=on&seen=01U10",
    "search=nobody+at+all",
];

#[tokio::test]
async fn axe_finds_nothing_on_any_page_light_and_dark_at_three_widths() {
    let pages = pages().await;
    pages.register("Ada Lovelace").await;
    let browser = Browser::open(LAPTOP).await;

    for page in [pages.write(), pages.read(), pages.read() + "glossary"] {
        for (width, dark) in WIDTHS.iter().flat_map(|width| [(*width, false), (*width, true)]) {
            browser.set_view(View { width, dark, ..LAPTOP }).await;
            browser.goto(&page).await;
            let violations = violations(&browser).await;
            assert!(violations.is_empty(), "{page} {width} px, dark {dark}: {violations:#?}");
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_the_page_in_its_other_states() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;

    for state in STATES {
        for (width, dark) in [(320, true), (1280, false), (1280, true)] {
            browser.set_view(View { width, dark, ..LAPTOP }).await;
            browser.goto(&format!("{}?{state}", pages.read())).await;
            let violations = violations(&browser).await;
            assert!(violations.is_empty(), "{state} {width} px, dark {dark}: {violations:#?}");
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_after_a_registration_after_the_same_again_and_after_one_that_is_refused()
{
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    let write = pages.write();

    for (name, result) in [("Ada", ".done"), ("Ada", ".done"), ("Grace", "[role=alert]")] {
        browser.goto(&write).await;
        browser.fill("#name", name).await;
        browser.fill("#email", "axe@example.org").await;
        browser.click("form[action='/submit'] button").await;
        browser.until(&format!("return document.querySelector('{result}') !== null")).await;
        for dark in [false, true] {
            browser.set_view(View { dark, ..LAPTOP }).await;
            let violations = violations(&browser).await;
            assert!(violations.is_empty(), "{result}, dark {dark}: {violations:#?}");
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_the_page_for_an_unknown_path() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;

    for page in pages.both() {
        browser.goto(&(page + "nothing")).await;
        let violations = violations(&browser).await;
        assert!(violations.is_empty(), "{violations:#?}");
    }
}

#[tokio::test]
async fn nothing_is_wider_than_a_window_of_320_pixels() {
    let pages = pages().await;
    pages.register(&"W".repeat(255)).await;
    let browser = Browser::open(TELEPHONE).await;

    for page in [pages.write(), pages.read(), pages.read() + "glossary", pages.read() + "?large=on"]
    {
        browser.goto(&page).await;
        let excess = browser.excess_width().await;
        assert_eq!(excess, 0, "{page} is wider than the window by so many pixels");
    }
}

#[tokio::test]
async fn every_term_leads_to_its_entry_in_the_glossary() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    let terms =
        "return [...document.querySelectorAll('a.term')].map(term => term.getAttribute('href'))";
    let missing = "return arguments[0].filter(term => !document.querySelector(term.replace('/glossary', '')))";

    for page in pages.both() {
        browser.goto(&page).await;
        let terms = browser.run(terms).await;
        assert!(terms.as_array().is_some_and(|terms| terms.len() > 1), "{page}: {terms}");
        browser.goto(&(page + "glossary")).await;
        assert_eq!(browser.run_with(missing, json!([terms])).await, json!([]));
    }
}
