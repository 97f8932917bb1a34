//! The page goes on: over clocks that jump, requests that are lost, pages that come back, and hours of play.

use e2e::browser::LAPTOP;

use crate::{
    pages::pages,
    read_page::{ReadPage, answered},
};

/// A clock that the test can put back.
const CLOCK: &str = "{ const real = Date.now; window.ahead = 0; Date.now = () => real() + ahead; }";

/// Until the test says so, requests are lost: they do not end.
const LOSE_REQUESTS: &str = "window.lost = 0; window.realFetch = fetch;
    window.fetch = (_, { signal }) => new Promise((_, fail) => {
        lost += 1;
        signal.addEventListener('abort', () => fail(signal.reason));
    })";

#[tokio::test]
async fn a_clock_that_is_put_back_by_an_hour_stops_no_dot() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.browser.begin_pages_with(CLOCK).await;
    page.browser.refresh().await;
    page.set_rate(5).await;
    page.until_dots(4).await;

    page.browser.run("ahead = -3600e3").await;

    let dots = page.dots().await.len();
    page.until_dots(dots + 5).await;
    let address = "return new URLSearchParams(location.search).get('seen')?.length >= ";
    page.browser.until(&format!("{address}{dots} + 3")).await;
}

#[tokio::test]
async fn a_query_that_was_lost_is_made_again_once_the_browser_is_online() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.browser.run(LOSE_REQUESTS).await;
    page.browser.click("#controls button[value='1']").await;
    // The first may be a look at the pods, after which the query would be made; a wake joins both.
    page.browser.until("return lost > 0").await;
    let dots = page.dots().await.len();

    let start = "window.fetch = realFetch; window.start = performance.now();";
    page.browser.run(&format!("{start} dispatchEvent(new Event('online'))")).await;

    page.until_dots(dots + 1).await;
    let took = page.browser.run("return performance.now() - start").await.as_f64().unwrap();
    assert!(took < 8_000.0, "it waited for {took} ms until the lost request ended");
    assert_eq!(page.browser.text("#trouble").await, "");
}

#[tokio::test]
async fn a_page_that_comes_back_plays_as_the_tab_does_by_now() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.set_rate(5).await;
    let back = "sessionStorage.rate = arguments[0];
        dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
        return ['play', 'speed'].map(id => document.getElementById(id).textContent).join(' ')";

    assert_eq!(page.browser.run_with(back, serde_json::json!(["0"])).await, "Play 5/s");
    assert_eq!(page.browser.run_with(back, serde_json::json!(["10"])).await, "Pause 10/s");
    let dots = page.dots().await.len();
    page.until_dots(dots + 3).await;
}

#[tokio::test]
async fn two_tabs_have_each_their_own_way_and_their_own_dots() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    let url = page.browser.url().await;
    page.choose("mysql", "new", "round-robin").await;
    page.set_rate(5).await;
    page.until_dots(6).await;

    page.browser.open_tab().await;
    page.browser.goto(&url).await;

    assert_eq!(page.browser.text("#speed").await, "2/s", "a new tab has its own rate");
    page.browser.click("#play").await;
    page.browser.goto(&url).await;
    assert_eq!(page.browser.text("#play").await, "Play", "it was paused");
    assert_eq!(page.browser.value("[name=via]:checked").await, "mysql-read");
    let mine = page.dots().await;
    page.browser.click("#controls button[value='1']").await;
    page.until_dots(mine.len() + 1).await;
    let [before, now] = [mine, page.dots().await].map(|dots| answered(&dots).len());
    assert_eq!(now, before + 1, "the other tab adds nothing");
    page.browser.switch_tab().await;
    assert_eq!(page.browser.value("[name=via]:checked").await, "mysql");
    let dots = page.dots().await.len();
    page.until_dots(dots + 3).await;
}

#[tokio::test]
async fn an_error_of_read_app_is_not_called_silence() {
    let page = ReadPage::open(pages().await, LAPTOP).await;

    page.browser.run("window.fetch = async () => new Response('', { status: 503 })").await;

    let said = page.browser.until("return document.getElementById('trouble').textContent").await;
    assert_eq!(said, "read-app answers with status 503; trying again");
}

/// One answer in which each list and each sentence begins with something else, and ends as before. Other answers never
/// come.
const BEGIN_OTHERWISE: &str = "const done = arguments[0];
    fetch('/?part=live&ask=1').then(answer => answer.text()).then(html => {
        const part = document.createElement('template');
        part.innerHTML = html;
        for (const one of part.content.querySelectorAll('li, p, dl, ul, h2')) {
            if (!one.closest('#controls') && one.firstChild) {
                one.firstChild.replaceWith(document.createElement('b'));
            }
        }
        const answers = [new Response(part.innerHTML)];
        part.innerHTML = part.innerHTML;
        window.answer = part.content;
        window.fetch = async () => answers.pop() || new Promise(() => {});
        done();
    })";

/// Whether the page is as that answer. No later answer could mend it.
const IS_SHOWN: &str = "return [...answer.children].every(({ id }) =>
    !id || id === 'controls' || document.getElementById(id).isEqualNode(answer.getElementById(id)))";

#[tokio::test]
async fn an_answer_of_another_shape_is_shown_whole() {
    let page = ReadPage::open(pages().await, LAPTOP).await;

    page.browser.run_async(BEGIN_OTHERWISE, serde_json::json!([])).await;

    page.browser.until(IS_SHOWN).await;
}

/// Plays without pauses, with one answer again and again: an hour at 2/s takes some seconds. Counts the queries. At
/// 300 and at 2,000 it stops, until a wake.
const PLAY_FAST: &str = "const done = arguments[0];
    const real = setTimeout, clock = performance.now.bind(performance);
    window.asked = 0;
    window.ahead = 0;
    window.setTimeout = (run, pause) => real(() => { ahead += pause || 0; run(); }, 0);
    performance.now = () => clock() + ahead;
    fetch('/?part=live&ask=1&seen=' + '01'.repeat(100)).then(answer => answer.text()).then(html => {
        window.fetch = async () => {
            asked += 1;
            return [300, 2000].includes(asked) ? new Promise(() => {}) : new Response(html);
        };
        done();
    })";

#[tokio::test]
async fn hours_of_play_take_no_more_memory_than_minutes() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.browser.run_async(PLAY_FAST, serde_json::json!([])).await;
    page.set_rate(2).await;
    page.browser.until(&still_at(300)).await;
    let before = page.browser.memory().await;
    page.browser.run("dispatchEvent(new Event('online'))").await;

    page.browser.until(&still_at(2000)).await;

    let after = page.browser.memory().await;
    println!("figure: {before:?}, and after 1,700 queries more {after:?}");
    assert!(after.nodes < before.nodes + 1_000, "{before:?}, {after:?}");
    assert!(after.listeners < before.listeners + 20, "{before:?}, {after:?}");
    assert!(after.bytes < before.bytes + 1_000_000, "{before:?}, {after:?}");
}

/// Whether the page has made so many queries, and shows the last.
fn still_at(queries: u32) -> String {
    format!("return asked === {queries} && document.getAnimations().length === 0")
}
