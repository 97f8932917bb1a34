//! Chromium, used as a person uses it: for tests of the pages, and for screenshots of them.
//!
//! Each [`Browser`] has an empty profile. When a test panics, each of its browsers leaves a screenshot in the folder
//! `screenshots` of the cache folder. The file has the name of the test.

#![allow(clippy::panic, reason = "only tests call this, and a test that cannot go on must fail")]

use std::{
    fmt::Display,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use axum::http::Method;
pub use fantoccini::key::Key;
use fantoccini::{
    Client, Locator,
    actions::{InputSource as _, KeyAction, KeyActions},
    wd::WebDriverCompatibleCommand,
};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::{ParseError, Url};

use demo::for_tests;

use crate::chromedriver;

/// How long a test waits for a page.
const DEADLINE: Duration = Duration::from_secs(60);

/// How many browsers run at once. More would take the processor from the servers, which would then seem slow.
static PERMITS: Semaphore = Semaphore::const_new(2);

/// How a person looks at the pages.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// The window's width in CSS pixels.
    pub width: u32,
    /// The window's height in CSS pixels.
    pub height: u32,
    /// Whether the person prefers dark pages.
    pub dark: bool,
    /// Whether the person prefers less motion.
    pub reduced_motion: bool,
}

/// A window of a laptop.
pub const LAPTOP: View = View { width: 1280, height: 800, dark: false, reduced_motion: false };

/// A small telephone.
pub const TELEPHONE: View = View { width: 320, height: 640, ..LAPTOP };

/// What a page keeps in memory.
#[derive(Debug)]
pub struct Memory {
    /// The bytes of the scripts' objects.
    pub bytes: u64,
    /// Nodes, those of the document and others that a script holds.
    pub nodes: u64,
    /// Listeners for events.
    pub listeners: u64,
}

/// A browser with one window. Drop closes it.
pub struct Browser {
    client: Client,
    _permit: SemaphorePermit<'static>,
}

impl Browser {
    /// Opens a browser, and first waits while too many are open. A test that holds one browser and opens a second may
    /// wait for ever.
    ///
    /// # Panics
    ///
    /// Where Chromium cannot be started; the message says what to install.
    pub async fn open(view: View) -> Self {
        let permit = done("a permit", PERMITS.acquire().await);
        let client = done("a browser", chromedriver::new_session().await);
        let browser = Self { client, _permit: permit };
        browser.set_view(view).await;
        browser
    }

    /// Changes the window's size and the person's preferences.
    pub async fn set_view(&self, view: View) {
        let View { width, height, dark, reduced_motion } = view;
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = if dark { "dark" } else { "light" };
        let motion = if reduced_motion { "reduce" } else { "no-preference" };
        let preferences = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": motion },
        ] });
        self.devtools("Emulation.setEmulatedMedia", preferences).await;
    }

    /// Sets the size of text in the browser's settings, in pixels: 16 as browsers come, 32 for 200 %. It is not zoom:
    /// the window keeps its width.
    pub async fn set_text_size(&self, size: u32) {
        let sizes = json!({ "fontSizes": { "standard": size, "fixed": size * 13 / 16 } });
        self.devtools("Page.setFontSizes", sizes).await;
    }

    /// From now on no scripts of pages run. [`Self::run`] still works.
    pub async fn forbid_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// From now on every page runs `script` before its own scripts.
    pub async fn begin_pages_with(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// The console's messages since the last call, with those about broken content security policies.
    pub async fn console(&self) -> Vec<Value> {
        array(done("the console", self.client.issue_cmd(ConsoleLog).await))
    }

    /// Opens a page, and returns when it is loaded.
    pub async fn goto(&self, url: &str) {
        done(url, self.client.goto(url).await);
    }

    /// By how many pixels the page is wider than the window.
    pub async fn excess_width(&self) -> Value {
        self.run(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth",
        )
        .await
    }

    /// Opens a second tab. Until [`Self::switch_tab`], all that follows is in it.
    pub async fn open_tab(&self) {
        let tab = done("a tab", self.client.new_window(true).await);
        done("the tab", self.client.switch_to_window(tab.handle).await);
    }

    /// Goes on in the other of two tabs.
    pub async fn switch_tab(&self) {
        let here = done("this tab", self.client.window().await);
        let tabs = done("the tabs", self.client.windows().await);
        for tab in tabs.into_iter().filter(|tab| *tab != here) {
            done("the tab", self.client.switch_to_window(tab).await);
        }
    }

    /// Loads the page again.
    pub async fn refresh(&self) {
        done("reloading", self.client.refresh().await);
    }

    /// Loads the page again until the first element that a CSS selector finds contains a text. A replica gets a row
    /// a moment after the primary.
    ///
    /// # Panics
    ///
    /// Where the text is not there within a minute.
    pub async fn refresh_until_text(&self, selector: &str, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.text(selector).await.contains(text) {
            assert!(Instant::now() < end, "{text} is not there after {DEADLINE:?}");
            self.refresh().await;
        }
    }

    /// The URL of the page.
    pub async fn url(&self) -> String {
        done("the URL", self.client.current_url().await).into()
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        done("the title", self.client.title().await)
    }

    /// Clicks on the first element that a CSS selector finds.
    pub async fn click(&self, selector: &str) {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.click().await);
    }

    /// Clicks into the first field that a CSS selector finds, and types.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.type_keys(text).await;
    }

    /// The value of a field.
    pub async fn value(&self, selector: &str) -> Value {
        self.run_with("return document.querySelector(arguments[0]).value", json!([selector])).await
    }

    /// Types on the keyboard, into the element that has the focus.
    pub async fn type_keys(&self, text: &str) {
        let mut keys = KeyActions::new("keyboard".into());
        for value in text.chars() {
            keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        done("typing", self.client.perform_actions(keys).await);
    }

    /// Presses one key that is not a character.
    pub async fn press(&self, key: Key) {
        self.type_keys(&char::from(key).to_string()).await;
    }

    /// Presses Tab until the element with the focus matches a CSS selector. Returns how many times.
    ///
    /// # Panics
    ///
    /// Where a hundred times are not enough.
    pub async fn tab_to(&self, selector: &str) -> usize {
        let is_there = "return document.activeElement.matches(arguments[0])";
        for times in 1..=100 {
            self.press(Key::Tab).await;
            if self.run_with(is_there, json!([selector])).await == true {
                return times;
            }
        }
        panic!("{selector} is not reached by Tab");
    }

    /// The visible text of the first element that a CSS selector finds.
    pub async fn text(&self, selector: &str) -> String {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.text().await)
    }

    /// Whether the first element that a CSS selector finds is visible.
    pub async fn is_visible(&self, selector: &str) -> bool {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.is_displayed().await)
    }

    /// How many elements a CSS selector finds.
    pub async fn count(&self, selector: &str) -> usize {
        done(selector, self.client.find_all(Locator::Css(selector)).await).len()
    }

    /// Runs the body of a function in the page. The page's content security policy does not apply to it.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, json!([])).await
    }

    /// Runs the body of a function with `arguments`, an array.
    pub async fn run_with(&self, script: &str, arguments: Value) -> Value {
        done(script, self.client.execute(script, array(arguments)).await)
    }

    /// Runs the body of a function that passes its result to a callback, which is the last of its `arguments`.
    pub async fn run_async(&self, script: &str, arguments: Value) -> Value {
        done(script, self.client.execute_async(script, array(arguments)).await)
    }

    /// Runs the body of a function until it returns a value that is not false, null, 0 or empty. Returns that value.
    ///
    /// # Panics
    ///
    /// Where it does not return one within a minute.
    pub async fn until(&self, script: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            // This fails while the browser goes from one page to the next.
            let result = self.client.execute(script, Vec::new()).await;
            match result {
                Ok(value) if is_something(&value) => return value,
                result => assert!(Instant::now() < end, "{script}: {result:?} after {DEADLINE:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What the page keeps in memory after the garbage was collected.
    ///
    /// # Panics
    ///
    /// Where Chromium does not say it.
    pub async fn memory(&self) -> Memory {
        self.devtools("HeapProfiler.collectGarbage", json!({})).await;
        let heap = self.devtools("Runtime.getHeapUsage", json!({})).await;
        let dom = self.devtools("Memory.getDOMCounters", json!({})).await;
        let figure = |of: &Value, name: &str| {
            of[name].as_f64().unwrap_or_else(|| panic!("no {name} in {of}")) as u64
        };
        Memory {
            bytes: figure(&heap, "usedSize"),
            nodes: figure(&dom, "nodes"),
            listeners: figure(&dom, "jsEventListeners"),
        }
    }

    /// Writes a screenshot of the window to a file.
    pub async fn screenshot(&self, file: &Path) {
        let what = file.display().to_string();
        let png = done(&what, self.client.screenshot().await);
        done(&what, fs::write(file, png));
    }

    async fn devtools(&self, command: &'static str, parameters: Value) -> Value {
        done(command, self.client.issue_cmd(DevTools { command, parameters }).await)
    }
}

impl Drop for Browser {
    /// On another thread, because this one may be running a future. This must not panic, because the test may be
    /// panicking already.
    fn drop(&mut self) {
        let client = self.client.clone();
        let test = std::thread::panicking()
            .then(|| std::thread::current().name().unwrap_or("browser").to_owned());
        let closing = for_tests::runtime().spawn(async move {
            if let Some(test) = test
                && let Err(error) = write_screenshot(&client, &test).await
            {
                eprintln!("no screenshot: {error:#}");
            }
            client.close().await
        });
        let closed = std::thread::spawn(|| for_tests::runtime().block_on(closing)).join();
        if !matches!(closed, Ok(Ok(Ok(())))) {
            eprintln!("the browser was not closed: {closed:?}");
        }
    }
}

async fn write_screenshot(client: &Client, test: &str) -> anyhow::Result<()> {
    let folder = demo::cache_folder()?.join("screenshots");
    fs::create_dir_all(&folder)?;
    let file = folder.join(test.replace("::", "-")).with_added_extension("png");
    fs::write(&file, client.screenshot().await?)?;
    eprintln!("screenshot: {}", file.display());
    Ok(())
}

fn done<T>(what: &str, result: Result<T, impl Display>) -> T {
    result.unwrap_or_else(|error| panic!("{what}: {error:#}"))
}

fn array(arguments: Value) -> Vec<Value> {
    match arguments {
        Value::Array(arguments) => arguments,
        one => vec![one],
    }
}

fn is_something(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && *value != "" && *value != 0
}

/// A command of the DevTools protocol, which chromedriver passes on.
/// <https://chromedevtools.github.io/devtools-protocol/>
#[derive(Debug)]
struct DevTools {
    command: &'static str,
    parameters: Value,
}

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        let body = json!({ "cmd": self.command, "params": self.parameters });
        (Method::POST, Some(body.to_string()))
    }
}

/// Reads the console: what the pages wrote into it, and what Chromium wrote about them.
#[derive(Debug)]
struct ConsoleLog;

impl WebDriverCompatibleCommand for ConsoleLog {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, ParseError> {
        base.join(&format!("session/{}/se/log", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(json!({ "type": "browser" }).to_string()))
    }
}
