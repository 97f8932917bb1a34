//! What a person sees in the first seconds, without doing anything.

use e2e::browser::{Browser, LAPTOP, View};
use serde_json::json;

use crate::{pages::pages, read_page::open_list};

/// Whether the page asks by itself, and how often. `dots` is how many queries were answered: those dots are digits.
const PACE: &str = "return { play: document.getElementById('play').textContent,
    speed: document.getElementById('speed').textContent,
    dots: document.getElementById('controls').elements.seen.value.replace(/[A-Z]/g, '').length }";

/// The requests for the living part that were answered.
const LOOKS: &str = "return performance.getEntriesByType('resource')
    .filter(entry => entry.name.includes('part=live')).length";

#[tokio::test]
async fn the_page_asks_twice_a_second_from_the_start_until_the_person_pauses_it() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    open_list(&browser, &pages.read()).await;

    browser.until("return document.querySelectorAll('#dots-1 i').length > 3").await;
    let pace = browser.run(PACE).await;
    assert_eq!((&pace["play"], &pace["speed"]), (&json!("Pause"), &json!("2/s")));

    browser.click("#play").await;
    open_list(&browser, &pages.read()).await;
    browser.until(&format!("{LOOKS} > 2")).await;
    assert_eq!(browser.run(PACE).await, json!({ "play": "Play", "speed": "2/s", "dots": 1 }));
}

#[tokio::test]
async fn with_less_motion_the_page_waits_to_be_asked() {
    let pages = pages().await;
    let browser = Browser::open(View { reduced_motion: true, ..LAPTOP }).await;
    open_list(&browser, &pages.read()).await;

    browser.until(&format!("{LOOKS} > 2")).await;

    assert_eq!(browser.run(PACE).await, json!({ "play": "Play", "speed": "2/s", "dots": 1 }));
}

#[tokio::test]
async fn a_tab_that_is_hidden_asks_nothing_until_it_is_seen() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    let hidden = "Object.defineProperty(document, 'hidden', { get: () => !window.seen })";
    browser.begin_pages_with(hidden).await;
    open_list(&browser, &pages.read()).await;

    // A page that is seen has asked some times by then.
    browser.until("return performance.now() > 2000").await;
    assert_eq!(browser.run(LOOKS).await, 0);

    browser.run("window.seen = true; document.dispatchEvent(new Event('visibilitychange'))").await;
    browser.until("return document.querySelectorAll('#dots-1 i').length > 3").await;
}

#[tokio::test]
async fn a_laptop_shows_the_three_names_the_answer_and_the_reason_without_scrolling() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    open_list(&browser, &pages.read()).await;
    browser.until("return document.querySelectorAll('#dots-1 i').length > 1").await;

    let lowest = "return ['.drawing', '#served', '#controls', '.why', '.dots i'].map(part =>
        [part, document.querySelector(part).getBoundingClientRect().bottom])";
    let parts: Vec<(String, f64)> = serde_json::from_value(browser.run(lowest).await).unwrap();
    for (part, bottom) in parts {
        assert!(bottom < f64::from(LAPTOP.height), "{part} ends at {bottom}");
    }
    let names = "return [...document.querySelectorAll('.names .name')].map(it => it.textContent)";
    let three = json!(["mysql-read", "mysql", "mysql-0.mysql"]);
    assert_eq!(browser.run(names).await, three);
    let lit = "const [way] = document.querySelectorAll('.drawing .lit');
        return [document.querySelectorAll('.drawing .lit').length, way.classList.contains('d' +
            document.querySelector('.finding').dataset.ordinal)]";
    assert_eq!(browser.run(lit).await, json!([1, true]), "the way to the pod that answered is lit");

    browser.goto(&pages.write()).await;
    assert_eq!(browser.run(names).await, three);
    let lit =
        "return [...document.querySelectorAll('.drawing .lit')].map(it => it.className.baseVal)";
    assert_eq!(browser.run(lit).await, json!(["way lit d0"]));
}

/// The pods whose bar or way has the colour of failures, with those of a cluster that is as large as can be.
const RED: &str = "const svg = (classes, shape) => {
        const part = document.createElement('div');
        part.innerHTML = `<svg class='${classes}'>${shape}</svg>`;
        document.querySelector('.shares td').append(part);
        return getComputedStyle(part.querySelector('rect, path'));
    };
    const bar = classes => svg('bar' + classes, '<rect/>').fill;
    const way = classes => svg('', `<path class='way lit${classes}'/>`).stroke;
    return [...Array(36).keys()].filter(pod =>
        bar(` d${pod}`) === bar('') || way(` d${pod}`) === way(''))";

#[tokio::test]
async fn no_pod_has_the_colour_of_failures() {
    let browser = Browser::open(LAPTOP).await;
    open_list(&browser, &pages().await.read()).await;

    assert_eq!(browser.run(RED).await, json!([]));
}
