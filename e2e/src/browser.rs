//! Chromium, used as a person uses it: for tests of the pages, and for pictures of them.
//!
//! Each [`Browser`] has an empty profile. When a test panics, its browsers leave a picture each in the
//! folder `screenshots` of the cache folder, named like the test.

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

use demo::shared;

use crate::chromedriver;

/// How long a page may take to become what a test waits for.
const DEADLINE: Duration = Duration::from_secs(60);

/// How many browsers there are at once: more would take the servers' time, and these would seem slow.
static PLACES: Semaphore = Semaphore::const_new(2);

/// How a person looks at the pages.
#[derive(Clone, Copy, Debug)]
pub struct View {
    /// Of the window, in CSS pixels.
    pub width: u32,
    /// Of the window, in CSS pixels.
    pub height: u32,
    /// Whether dark pages are preferred.
    pub dark: bool,
    /// Whether less motion is preferred.
    pub reduced_motion: bool,
}

/// A window of a laptop.
pub const LAPTOP: View = View { width: 1280, height: 800, dark: false, reduced_motion: false };

/// A small telephone.
pub const TELEPHONE: View = View { width: 320, height: 640, ..LAPTOP };

/// A browser with one window. It is closed when it is dropped.
pub struct Browser {
    client: Client,
    _place: SemaphorePermit<'static>,
}

impl Browser {
    /// Opens one, when there is a place for it. Whoever has one and waits for a second may wait for ever.
    ///
    /// # Panics
    ///
    /// Where Chromium cannot be started; the message says what to install.
    pub async fn open(view: View) -> Self {
        let place = done("a place", PLACES.acquire().await);
        let client = done("a browser", chromedriver::new_session().await);
        let browser = Self { client, _place: place };
        browser.set_view(view).await;
        browser
    }

    /// Changes size and preferences.
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

    /// From now on no page's scripts run; [`Self::run`] still does.
    pub async fn forbid_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// From now on every page runs a script before anything of its own.
    pub async fn begin_pages_with(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    /// What the console has said since the last time that it was read, policies that were broken included.
    pub async fn console(&self) -> Vec<Value> {
        array(done("the console", self.client.issue_cmd(ConsoleLog).await))
    }

    /// Goes to a page, and returns when it is loaded.
    pub async fn goto(&self, url: &str) {
        done(url, self.client.goto(url).await);
    }

    /// Loads the page again.
    pub async fn refresh(&self) {
        done("reloading", self.client.refresh().await);
    }

    /// Loads the page again until a text is in what a CSS selector finds: a replica has it a moment later.
    ///
    /// # Panics
    ///
    /// Where it is not there within a minute.
    pub async fn refresh_until_text(&self, selector: &str, text: &str) {
        let end = Instant::now() + DEADLINE;
        while !self.text(selector).await.contains(text) {
            assert!(Instant::now() < end, "{text} is not there after {DEADLINE:?}");
            self.refresh().await;
        }
    }

    /// Where it is.
    pub async fn url(&self) -> String {
        done("the URL", self.client.current_url().await).into()
    }

    /// The page's title.
    pub async fn title(&self) -> String {
        done("the title", self.client.title().await)
    }

    /// Clicks on what a CSS selector finds first.
    pub async fn click(&self, selector: &str) {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.click().await);
    }

    /// Clicks into a field that a CSS selector finds, and types.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.click(selector).await;
        self.type_keys(text).await;
    }

    /// What stands in a field.
    pub async fn value(&self, selector: &str) -> Value {
        self.run_with("return document.querySelector(arguments[0]).value", json!([selector])).await
    }

    /// Types on the keyboard; what has the focus gets it.
    pub async fn type_keys(&self, text: &str) {
        let mut keys = KeyActions::new("keyboard".into());
        for value in text.chars() {
            keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        }
        done("typing", self.client.perform_actions(keys).await);
    }

    /// Presses one key that is no character.
    pub async fn press(&self, key: Key) {
        self.type_keys(&char::from(key).to_string()).await;
    }

    /// Presses Tab until what has the focus matches a CSS selector, and says how often that was.
    ///
    /// # Panics
    ///
    /// Where it does not within a hundred times.
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

    /// The visible text of what a CSS selector finds first.
    pub async fn text(&self, selector: &str) -> String {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.text().await)
    }

    /// Whether what a CSS selector finds first can be seen.
    pub async fn is_visible(&self, selector: &str) -> bool {
        let element = done(selector, self.client.find(Locator::Css(selector)).await);
        done(selector, element.is_displayed().await)
    }

    /// How much a CSS selector finds.
    pub async fn count(&self, selector: &str) -> usize {
        done(selector, self.client.find_all(Locator::Css(selector)).await).len()
    }

    /// Runs a script in the page, the body of a function; a policy for the page's own scripts does not
    /// concern it.
    pub async fn run(&self, script: &str) -> Value {
        self.run_with(script, json!([])).await
    }

    /// Runs a script with `arguments`, an array.
    pub async fn run_with(&self, script: &str, arguments: Value) -> Value {
        done(script, self.client.execute(script, array(arguments)).await)
    }

    /// Runs a script that hands its result to the last of its `arguments`.
    pub async fn run_async(&self, script: &str, arguments: Value) -> Value {
        done(script, self.client.execute_async(script, array(arguments)).await)
    }

    /// Waits until a script, the body of a function, returns something that is not false, null or
    /// empty; what it returned.
    ///
    /// # Panics
    ///
    /// Where it does not within a minute.
    pub async fn until(&self, script: &str) -> Value {
        let end = Instant::now() + DEADLINE;
        loop {
            // While a page is left for the next one, there is none to ask.
            let answer = self.client.execute(script, Vec::new()).await;
            match answer {
                Ok(value) if is_something(&value) => return value,
                answer => assert!(Instant::now() < end, "{script}: {answer:?} after {DEADLINE:?}"),
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Keeps a picture of the window.
    pub async fn picture(&self, file: &Path) {
        let what = file.display().to_string();
        let picture = done(&what, self.client.screenshot().await);
        done(&what, fs::write(file, picture));
    }

    async fn devtools(&self, command: &'static str, parameters: Value) {
        done(command, self.client.issue_cmd(DevTools { command, parameters }).await);
    }
}

impl Drop for Browser {
    /// On a thread of its own, since this one may be running a future. Nothing here may panic: the
    /// test may be panicking already.
    fn drop(&mut self) {
        let client = self.client.clone();
        let test = std::thread::panicking()
            .then(|| std::thread::current().name().unwrap_or("browser").to_owned());
        let closing = shared::handle().spawn(async move {
            if let Some(test) = test
                && let Err(error) = keep_picture(&client, &test).await
            {
                eprintln!("no screenshot: {error:#}");
            }
            client.close().await
        });
        let closed = std::thread::spawn(|| shared::handle().block_on(closing)).join();
        if !matches!(closed, Ok(Ok(Ok(())))) {
            eprintln!("the browser was not closed: {closed:?}");
        }
    }
}

async fn keep_picture(client: &Client, test: &str) -> anyhow::Result<()> {
    let folder = shared::cache_folder()?.join("screenshots");
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

/// What the pages wrote into the console, or Chromium about them.
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
