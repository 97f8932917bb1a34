//! Makes the screenshots for the documents in one run with three servers, in the order of a lesson (docs/pages.md).
//! The last one shows both pages on a slide for the README.
//!
//! `cargo run -p e2e --example screenshots -- FOLDER` writes them to `FOLDER`; the default is `docs`.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use demo::{apps::serve_both, for_tests::SeparateCluster};
use e2e::browser::{Browser, Key, LAPTOP, View};
use tokio::net::TcpListener;

/// Names and emails of the users, the newest last.
const PEOPLE: [(&str, &str); 6] = [
    ("Sofja Kowalewskaja", "sofja@example.org"),
    ("Alan Turing", "alan@example.org"),
    ("Katherine Johnson", "katherine@example.org"),
    ("Barbara Liskov", "barbara@example.org"),
    ("Ada Lovelace", "ada@example.org"),
    ("Grace Hopper", "grace@example.org"),
];

/// Without motion, so that no dot is half transparent.
const PAGE: View = View { reduced_motion: true, ..LAPTOP };

/// The size of a slide.
const SLIDE: View = View { width: 1600, height: 900, ..PAGE };

/// The tops of two screenshots side by side, as much as fits on a slide.
const SIDE_BY_SIDE: &str = "<!DOCTYPE html><title>pages</title><style>
    body { margin: 0; display: flex; height: 100vh; overflow: hidden; background: #fbfbf9 }
    img { width: 50vw; align-self: flex-start }
</style><img src='registered.png'><img src='mysql-read.png'>";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let folder = std::env::args_os().nth(1).map_or_else(|| "docs".into(), PathBuf::from);
    let pages = folder.join("pages");
    ensure!(pages.is_dir(), "{} is not a folder", pages.display());
    let mut servers = SeparateCluster::start(3).await?;
    let listener = || TcpListener::bind("127.0.0.1:0");
    let [write, read] =
        serve_both([listener().await?, listener().await?], &servers.cluster).await?;
    let album = Album { browser: Browser::open(PAGE).await, folder: pages };
    let read_back = album.shoot_write(&write.url()).await;
    album.shoot_reads(&read.url(), &read_back).await;
    servers.cluster.stop_pod(2).await?;
    album.shoot_gone_pod().await;
    album.shoot_slide(&folder.join("pages.png")).await?;
    Ok(())
}

struct Album {
    browser: Browser,
    folder: PathBuf,
}

impl Album {
    /// Returns the link to read-app that write-app shows after a registration.
    async fn shoot_write(&self, write: &str) -> String {
        let browser = &self.browser;
        for (name, email) in PEOPLE {
            browser.goto(write).await;
            browser.fill("#name", name).await;
            browser.fill("#email", email).await;
            browser.press(Key::Enter).await;
            browser.until("return document.querySelector('.done') !== null").await;
        }
        self.shoot("registered").await;
        let link = "return document.querySelector('.done a.button').href";
        let read_back = browser.run(link).await.as_str().unwrap_or_default().to_owned();
        browser.click("form[action='/try-replica'] button").await;
        browser.until("return document.getElementById('attempt') !== null").await;
        self.shoot("replica-refuses").await;
        read_back
    }

    async fn shoot_reads(&self, read: &str, read_back: &str) {
        let browser = &self.browser;
        browser.goto(read_back).await;
        browser.until("return document.getElementById('controls') !== null").await;
        self.shoot("read-back").await;
        for (choices, name) in
            [("compare=on", "mysql-read"), ("via=mysql&strategy=round-robin", "headless")]
        {
            browser.goto(&format!("{read}/?{choices}")).await;
            for dots in [20, 40] {
                browser.click("#controls button[value='20']").await;
                let seen = "document.querySelectorAll('#dots-1 i').length";
                browser.until(&format!("return {seen} >= {dots}")).await;
            }
            self.shoot(name).await;
        }
    }

    async fn shoot_gone_pod(&self) {
        let is_gone = "return document.querySelector('.shares .gone') !== null";
        self.browser.until(is_gone).await;
        self.shoot("pod-gone").await;
    }

    async fn shoot_slide(&self, file: &Path) -> anyhow::Result<()> {
        let page = self.folder.canonicalize()?.join("slide.html");
        std::fs::write(&page, SIDE_BY_SIDE)?;
        self.browser.goto(&format!("file://{}", page.display())).await;
        self.browser.set_view(SLIDE).await;
        self.browser.screenshot(file).await;
        println!("{}", file.display());
        std::fs::remove_file(page)?;
        Ok(())
    }

    /// Writes a screenshot of the whole page.
    async fn shoot(&self, name: &str) {
        let file = self.folder.join(name).with_extension("png");
        let height = self.browser.run("return document.documentElement.scrollHeight").await;
        let height =
            height.as_u64().and_then(|height| height.try_into().ok()).unwrap_or(PAGE.height);
        self.browser.set_view(View { height, ..PAGE }).await;
        self.browser.screenshot(&file).await;
        self.browser.set_view(PAGE).await;
        println!("{}", file.display());
    }
}
