//! read-app's page, as a person uses it.

use serde_json::json;
use testbed::browser::{Browser, Key, View};

use crate::pages::Pages;

/// The mode that the dots belong to, and the dots: a figure for the ordinal of the pod that answered,
/// a capital letter for a query that nobody did.
const IS_IN_MODE: &str = "const { was, seen } = document.getElementById('controls').elements;
    return was.value.trim() === '{mode}' && /^[A-Z]*[0-9]$/.test(seen.value)";

pub(crate) struct ReadPage {
    pub(crate) browser: Browser,
    /// What serves it.
    pub(crate) pages: Pages,
}

impl ReadPage {
    /// Opens it. Its first query is made.
    pub(crate) async fn open(pages: Pages, view: View) -> Self {
        let browser = Browser::open(view).await;
        browser.goto(&pages.read()).await;
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

    /// Presses what chooses a door, a kind of connection and, where it is not empty, a strategy, and
    /// waits for the first query of that mode.
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
        self.browser.click(&format!("#controls input[name='{name}'][value='{value}']")).await;
    }

    /// Presses "Ask 20 times" this often, and waits for the dots.
    pub(crate) async fn ask_twenty(&self, times: usize) -> String {
        for _ in 0..times {
            let more = self.dots().await.len() + 20;
            self.browser.click("#controls button[value='20']").await;
            self.until_dots(more).await;
        }
        self.dots().await
    }

    /// Waits until there are as many dots.
    pub(crate) async fn until_dots(&self, count: usize) {
        let enough = "return document.getElementById('controls').elements.seen.value.length >= ";
        self.browser.until(&format!("{enough}{count}")).await;
    }

    /// Sets the rate by keyboard: so many queries a second.
    pub(crate) async fn set_rate(&self, rate: usize) {
        self.browser.run("document.getElementById('rate').focus()").await;
        self.browser.press(Key::Home).await;
        for _ in 0..rate {
            self.browser.press(Key::Right).await;
        }
        let said = if rate == 0 { "off".to_owned() } else { format!("{rate}/s") };
        assert_eq!(self.browser.text("#speed").await, said);
    }
}

/// The dots of queries that were answered. On a machine that is busy with all the tests a connection may
/// take too long; then a hollow dot says so, and the query is answered by another attempt.
pub(crate) fn answered(dots: &str) -> String {
    dots.chars().filter(char::is_ascii_digit).collect()
}

/// How many of the dots are this one.
pub(crate) fn count(dots: &str, dot: char) -> usize {
    dots.chars().filter(|one| *one == dot).count()
}
