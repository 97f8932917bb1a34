//! The page while a person breaks the cluster: each change is on it within two seconds.

use std::time::{Duration, Instant};

use demo::{LocalCluster, for_tests::Stalls};
use e2e::browser::LAPTOP;

use crate::{pages::separate, read_page::ReadPage};

/// How long a change may take to be on the page.
const AT_ONCE: Duration = Duration::from_secs(2);

/// How long a server may take to be ready.
const START: Duration = Duration::from_secs(120);

const ROW: &str = "const row = [...document.querySelectorAll('.shares tbody tr')]
        .find(row => row.innerText.includes('{pod}'));";

/// Whether the table says that a pod does not answer.
fn is_gone(pod: &str) -> String {
    ROW.replace("{pod}", pod) + "return !row || row.querySelector('.gone') !== null"
}

/// Whether the table says that it answers.
fn answers(pod: &str) -> String {
    ROW.replace("{pod}", pod) + "return row && row.querySelector('.gone') === null"
}

/// Whether the table says that a pod is behind by as many seconds as `condition` wants.
fn is_behind(pod: &str, condition: &str) -> String {
    let lag = "if (!row) return false;
        const lag = parseFloat(row.lastElementChild.innerText.replace('≥', ''));";
    format!("{}{lag} return lag {condition}", ROW.replace("{pod}", pod))
}

/// Whether the answers of the names have a pod's address.
fn is_named(cluster: &LocalCluster, ordinal: u8) -> String {
    let address = cluster.address(ordinal);
    format!("return document.getElementById('names').innerText.includes('{address}')")
}

impl ReadPage {
    /// Waits until the page shows what has just happened.
    async fn shows_at_once(&self, what: &str, script: &str) {
        let (happened, stalls) = (Instant::now(), Stalls::watch());
        self.browser.until(script).await;
        let took = happened.elapsed().saturating_sub(stalls.so_far());
        println!("figure: the page showed {what} {} ms later", took.as_millis());
        assert!(took < AT_ONCE, "{what}: it took {took:?}");
    }
}

/// Waits until the cluster tells of an event with these words.
async fn until_told(cluster: &mut LocalCluster, words: &str) {
    let told = async { while !cluster.next_event().await.contains(words) {} };
    tokio::time::timeout(START, told).await.unwrap_or_else(|_| panic!("not told: {words}"));
}

#[tokio::test]
async fn the_page_shows_within_two_seconds_what_a_person_does_to_the_pods() {
    let (mut servers, pages) = separate().await;
    let cluster = &mut servers.cluster;
    let page = ReadPage::open(pages, LAPTOP).await;
    page.pages.register("Ada").await;
    page.set_rate(10).await;
    page.until_dots(10).await;

    cluster.delete_pod(1).unwrap();
    until_told(cluster, "mysql-1 ended").await;
    page.shows_at_once("that a deleted pod ended", &is_gone("mysql-1")).await;
    until_told(cluster, "mysql-1 is ready").await;
    page.shows_at_once("that it is back", &answers("mysql-1")).await;
    page.shows_at_once("its new address", &is_named(cluster, 1)).await;

    cluster.scale(3).unwrap();
    until_told(cluster, "mysql-2 is ready").await;
    page.shows_at_once("a pod more", &answers("mysql-2")).await;

    cluster.lag(1).await.unwrap();
    page.pages.register("Grace").await;
    page.shows_at_once("a lag", &is_behind("mysql-1", "> 0")).await;
    page.browser.until(&is_behind("mysql-1", "> 2")).await;
    cluster.catch_up(1).await.unwrap();
    page.shows_at_once("that the lag is gone", &is_behind("mysql-1", "< 2")).await;

    freeze_and_thaw(&page, cluster).await;

    cluster.scale(2).unwrap();
    until_told(cluster, "mysql-2 ended").await;
    page.shows_at_once("a pod less", &is_gone("mysql-2")).await;
    drop(page);
    servers.cluster.stop().await.unwrap();
}

async fn freeze_and_thaw(page: &ReadPage, cluster: &mut LocalCluster) {
    // Through mysql-read, a query may meet the frozen pod again and again, and the page waits for its answer.
    page.press_radio("via", "mysql").await;
    let chosen =
        "return document.getElementById('controls').elements.was.value.startsWith('mysql new')";
    page.browser.until(chosen).await;
    cluster.freeze(2).unwrap();
    page.shows_at_once("that a frozen pod is silent", &is_gone("mysql-2")).await;
    cluster.thaw(2).unwrap();
    page.shows_at_once("that it answers", &answers("mysql-2")).await;
}
