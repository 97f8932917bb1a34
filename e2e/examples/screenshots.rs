//! Makes the screenshots for the documents in one run with three servers, in the order of a lesson (docs/pages.md).
//! The last one shows both pages on a slide for the README.
//!
//! `cargo run -p e2e --example screenshots -- FOLDER` writes them to `FOLDER`; the default is `docs`.
//!
//! `--all OTHER` also writes to `OTHER` both pages as readers may meet them, to look at. They are shown with 2, 3 and 10
//! pods, without a pod, and without the primary. Each is shown in windows of three widths, light and dark, in a wide and
//! in a narrow font. The servers take 4 GB of memory then. `cargo demo` has ten pods at most too.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use demo::{LocalCluster, apps::serve_both, for_tests::SeparateCluster};
use e2e::{
    browser::{Browser, Key, LAPTOP, View},
    fonts::{NARROW, WIDE},
};
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

/// The widths of a telephone, a laptop and a large screen.
const WIDTHS: [u32; 3] = [320, 1280, 1920];

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (folder, all) = folders()?;
    let pages = folder.join("pages");
    ensure!(pages.is_dir(), "{} is not a folder", pages.display());
    let mut servers = SeparateCluster::start(if all.is_some() { 2 } else { 3 }).await?;
    let listener = || TcpListener::bind("127.0.0.1:0");
    let [write, read] =
        serve_both([listener().await?, listener().await?], &servers.cluster).await?;
    let urls = [write.url(), read.url()];
    let album = Album { browser: Browser::open(PAGE).await, folder: pages, all, urls };
    if album.all.is_some() {
        album.shoot_variants("2-pods").await;
        add_pods(&mut servers.cluster, 2..3).await?;
    }
    let read_back = album.shoot_write().await;
    album.shoot_reads(&read_back).await;
    servers.cluster.stop_pod(2).await?;
    album.shoot_gone_pod().await;
    album.shoot_slide(&folder.join("pages.png")).await?;
    if album.all.is_some() {
        album.shoot_states(&mut servers.cluster).await?;
    }
    Ok(())
}

/// The folder for the documents, and the one for all variants.
fn folders() -> anyhow::Result<(PathBuf, Option<PathBuf>)> {
    let (mut folder, mut all) = (PathBuf::from("docs"), None);
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--all" {
            let path = PathBuf::from(arguments.next().context("--all needs a folder")?);
            std::fs::create_dir_all(&path)?;
            all = Some(path);
        } else if argument.to_string_lossy().starts_with('-') {
            bail!("{} is not an option; the only one is --all FOLDER", argument.display());
        } else {
            folder = argument.into();
        }
    }
    Ok((folder, all))
}

async fn add_pods(cluster: &mut LocalCluster, ordinals: std::ops::Range<u8>) -> anyhow::Result<()> {
    for ordinal in ordinals {
        cluster.start_pod(ordinal)?;
        cluster.wait_until_ready(ordinal).await?;
    }
    Ok(())
}

struct Album {
    browser: Browser,
    folder: PathBuf,
    all: Option<PathBuf>,
    /// Those of write-app and read-app.
    urls: [String; 2],
}

impl Album {
    /// Returns the link to read-app that write-app shows after a registration.
    async fn shoot_write(&self) -> String {
        let (browser, [write, _]) = (&self.browser, &self.urls);
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

    async fn shoot_reads(&self, read_back: &str) {
        let browser = &self.browser;
        browser.goto(read_back).await;
        browser.until("return document.getElementById('controls') !== null").await;
        self.shoot("read-back").await;
        for (choices, name) in
            [("compare=on", "mysql-read"), ("via=mysql&strategy=round-robin", "headless")]
        {
            self.ask_forty_times(choices).await;
            self.shoot(name).await;
        }
    }

    async fn ask_forty_times(&self, choices: &str) {
        let (browser, [_, read]) = (&self.browser, &self.urls);
        browser.goto(&format!("{read}/?{choices}")).await;
        for dots in [20, 40] {
            browser.click("#controls button[value='20']").await;
            let seen = "document.querySelectorAll('#dots-1 i').length";
            browser.until(&format!("return {seen} >= {dots}")).await;
        }
    }

    /// All variants of both pages, with other servers each time.
    async fn shoot_states(&self, cluster: &mut LocalCluster) -> anyhow::Result<()> {
        self.shoot_variants("pod-gone").await;
        add_pods(cluster, 2..3).await?;
        self.shoot_variants("3-pods").await;
        cluster.stop_pod(0).await?;
        self.shoot_variants("primary-gone").await;
        add_pods(cluster, 0..1).await?;
        add_pods(cluster, 3..10).await?;
        self.shoot_variants("10-pods").await;
        Ok(())
    }

    async fn shoot_variants(&self, state: &str) {
        let Some(all) = &self.all else { return };
        let variants = |page: &str| all.join(format!("{state}-{page}"));
        self.browser.set_view(PAGE).await;
        self.browser.goto(&self.urls[0]).await;
        self.shoot_looks(&variants("write")).await;
        for (page, choices) in [("mysql-read", "compare=on"), ("headless", "via=mysql")] {
            self.browser.set_view(PAGE).await;
            self.ask_forty_times(choices).await;
            self.shoot_looks(&variants(page)).await;
        }
    }

    /// The open page in each width, light and dark, and in each font.
    async fn shoot_looks(&self, file: &Path) {
        let file = |look: &str, width| file.with_added_extension(format!("{width}.{look}.png"));
        for width in WIDTHS {
            for (look, dark) in [("light", false), ("dark", true)] {
                self.shoot_view(View { width, dark, ..PAGE }, &file(look, width)).await;
            }
        }
        for (look, fonts) in [("wide", WIDE), ("narrow", NARROW)] {
            for width in WIDTHS {
                self.browser.set_fonts(fonts).await;
                self.shoot_view(View { width, ..PAGE }, &file(look, width)).await;
            }
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

    async fn shoot(&self, name: &str) {
        let file = self.folder.join(name).with_extension("png");
        self.shoot_view(PAGE, &file).await;
        self.browser.set_view(PAGE).await;
    }

    /// Writes a screenshot of the whole page.
    async fn shoot_view(&self, view: View, file: &Path) {
        self.browser.set_view(view).await;
        let height = self.browser.run("return document.documentElement.scrollHeight").await;
        let height =
            height.as_u64().and_then(|height| height.try_into().ok()).unwrap_or(view.height);
        self.browser.set_view(View { height, ..view }).await;
        self.browser.screenshot(file).await;
        println!("{}", file.display());
    }
}
