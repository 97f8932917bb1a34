//! The pictures of the documents: both pages as a person finds them after the first registrations.
//!
//! `cargo run -p testbed --features browser --example screenshots -- FOLDER` keeps `write-app.png` and
//! `read-app.png` there; the default is `docs`.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use testbed::{
    apps::serve_both,
    browser::{Browser, Key, LAPTOP, View},
    shared::{self, shared},
};
use tokio::net::TcpListener;

/// Who is there, the newest last.
const PEOPLE: [(&str, &str); 6] = [
    ("Sofja Kowalewskaja", "sofja@example.org"),
    ("Alan Turing", "alan@example.org"),
    ("Katherine Johnson", "katherine@example.org"),
    ("Barbara Liskov", "barbara@example.org"),
    ("Grace Hopper", "grace@example.org"),
    ("Ada Lovelace", "ada@example.org"),
];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| "docs".into(), PathBuf::from);
    ensure!(folder.is_dir(), "{} is no folder", folder.display());
    let testbed = &shared().testbed;
    let [write, read] = shared::run(async {
        let listener = || TcpListener::bind("127.0.0.1:0");
        serve_both([listener().await?, listener().await?], testbed).await
    })
    .await?;
    let browser = Browser::open(LAPTOP).await;
    register(&browser, &write.url()).await;
    picture(&browser, &folder.join("write-app.png")).await;
    browser.goto(&read.url()).await;
    browser.refresh_until_text("#users", "ada@example.org").await;
    browser.click("#controls button[value='20']").await;
    browser.until("return document.querySelectorAll('#dots-1 i').length > 20").await;
    picture(&browser, &folder.join("read-app.png")).await;
    Ok(())
}

/// Through the form, so that the page shows the last one's receipt.
async fn register(browser: &Browser, write: &str) {
    for (name, email) in PEOPLE {
        browser.goto(write).await;
        browser.fill("#name", name).await;
        browser.fill("#email", email).await;
        browser.press(Key::Enter).await;
        browser.until("return document.querySelector('.done') !== null").await;
    }
}

/// All of the page, however long.
async fn picture(browser: &Browser, file: &Path) {
    let height = browser.run("return document.documentElement.scrollHeight").await;
    let height = height.as_u64().and_then(|height| height.try_into().ok()).unwrap_or(LAPTOP.height);
    browser.set_view(View { height, ..LAPTOP }).await;
    browser.picture(file).await;
    browser.set_view(LAPTOP).await;
    println!("{}", file.display());
}
