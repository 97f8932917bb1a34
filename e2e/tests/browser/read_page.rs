//! read-app's page, as a person uses it.

use e2e::browser::{Browser, Key, View};
use serde_json::json;

use crate::pages::Pages;

/// Whether the dots belong to `{mode}` and one query was answered. A digit is the ordinal of the pod that answered. A
/// capital letter is an attempt that failed.
const IS_IN_MODE: &str = "const { was, seen } = document.getElementById('controls').elements;
    return was.value.trim() === '{mode}' && /^[A-Z]*[0-9]$/.test(seen.value)";

const PAUSED: &str = "if (location.protocol === 'http:') sessionStorage.rate ??= 0";

pub(crate) struct ReadPage {
    pub(crate) browser: Browser,
    /// The apps that serve it.
    pub(crate) pages: Pages,
}

impl ReadPage {
    /// Opens the page, which makes its first query. It makes no more by itself, as after a person has paused it.
    pub(crate) async fn open(pages: Pages, view: View) -> Self {
        let browser = Browser::open(view).await;
        browser.begin_pages_with(PAUSED).await;
        open_list(&browser, &pages.read()).await;
        Self { browser, pages }
    }

    /// The dots so far.
    pub(crate) async fn dots(&self) -> String {
        self.field("seen").await
    }

    /// The dots of the other kind of connection.
    pub(crate) async fn dots_beside(&self) -> String {
        self.field("seen2").await
    }

    async fn field(&self, name: &str) -> String {
        let value = "return document.getElementById('controls').elements[arguments[0]].value";
        let value = self.browser.run_with(value, json!([name])).await;
        value.as_str().unwrap().to_owned()
    }

    /// Chooses a Service, a kind of connection and, unless it is empty, a strategy. Waits for the first query of that
    /// mode.
    pub(crate) async fn choose(&self, via: &str, with: &str, strategy: &str) {
        self.press_radio("via", via).await;
        self.press_radio("with", with).await;
        if !strategy.is_empty() {
            self.press_radio("strategy", strategy).await;
        }
        let mode = format!("{via} {with} {strategy}");
        let first = IS_IN_MODE.replace("{mode}", mode.trim());
        self.browser.until(&first).await;
    }

    pub(crate) async fn press_radio(&self, name: &str, value: &str) {
        self.browser.click(&format!("input[name='{name}'][value='{value}']")).await;
    }

    /// Presses "Ask 20 times" until so many queries were answered; a press may end early.
    pub(crate) async fn ask_until_answered(&self, answers: usize) -> String {
        loop {
            let dots = self.dots().await;
            if answered(&dots).len() >= answers {
                return dots;
            }
            self.browser.click("#controls button[value='20']").await;
            self.until_dots(dots.len() + 1).await;
        }
    }

    /// The dots of at least so many queries of which no attempt failed. A machine that is busy with all the tests may
    /// take too long to open a connection. Then read-app rightly skips that pod, and the dots do not show the mode.
    pub(crate) async fn ask_undisturbed(&self, answers: usize) -> String {
        for _ in 0..5 {
            let dots = self.ask_until_answered(answers).await;
            if answered(&dots) == dots {
                return dots;
            }
            self.browser.click("#controls button[name='over']").await;
            self.browser
                .until("return document.getElementById('dots-1').childElementCount === 0")
                .await;
        }
        panic!("some attempts failed each time: {}", self.browser.text("#lanes .failures").await);
    }

    /// Waits until there are at least so many dots.
    pub(crate) async fn until_dots(&self, count: usize) {
        let enough = "return document.getElementById('controls').elements.seen.value.length >= ";
        self.browser.until(&format!("{enough}{count}")).await;
    }

    /// Waits until an attempt among the dots has failed, and the last one did not.
    pub(crate) async fn until_a_failure_and_an_answer(&self) {
        let both =
            "return /[A-Z].*[0-9]$/.test(document.getElementById('controls').elements.seen.value)";
        self.browser.until(both).await;
    }

    /// Waits until the dots end as a regular expression says.
    pub(crate) async fn until_last_dots(&self, end: &str) {
        let seen = "document.getElementById('controls').elements.seen.value";
        self.browser.until(&format!("return /{end}$/.test({seen})")).await;
    }

    /// What has moved since the last call, where a script notes it in `moves`.
    pub(crate) async fn moves(&self) -> Vec<String> {
        serde_json::from_value(self.browser.run("return moves.splice(0)").await).unwrap()
    }

    /// Presses Pause.
    pub(crate) async fn pause(&self) {
        assert_eq!(self.browser.text("#play").await, "Pause");
        self.browser.click("#play").await;
    }

    /// Sets the rate by keyboard, from 2 queries a second on. The page asks from then on.
    pub(crate) async fn set_rate(&self, rate: usize) {
        self.browser.run("document.getElementById('rate').focus()").await;
        self.browser.press(Key::Home).await;
        for _ in 1..rate {
            self.browser.press(Key::Right).await;
        }
        assert_eq!(self.browser.text("#speed").await, format!("{rate}/s"));
    }
}

/// Opens a page of read-app, and again where it has no list: a machine that is busy with all the tests may take too long
/// to open a connection.
pub(crate) async fn open_list(browser: &Browser, url: &str) {
    browser.goto(url).await;
    for _ in 0..5 {
        if browser.count("#users[role='alert']").await == 0 {
            return;
        }
        browser.refresh().await;
    }
    panic!("no list each time: {}", browser.text("#users").await);
}

/// The dots of the queries that a pod answered.
pub(crate) fn answered(dots: &str) -> String {
    dots.chars().filter(char::is_ascii_digit).collect()
}

/// How many of the dots are equal to `dot`.
pub(crate) fn count(dots: &str, dot: char) -> usize {
    dots.chars().filter(|one| *one == dot).count()
}
