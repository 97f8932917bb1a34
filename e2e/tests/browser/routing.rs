//! Each Service, kind of connection and strategy that a person chooses on the page gives the right dots.

use e2e::browser::LAPTOP;
use serde_json::json;

use crate::{
    pages::pages,
    read_page::{ReadPage, answered, count},
};

/// With two pods and equal chances, so many queries meet only one pod once in 10^12 times.
const FORTY: usize = 40;

#[tokio::test]
async fn a_press_of_ask_again_adds_the_dot_of_the_pod_that_the_page_then_names() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    assert_eq!(answered(&page.dots().await).len(), 1, "the page asks once by itself");

    for answers in 2..=5 {
        let dots = page.dots().await.len();
        page.browser.click("#controls button[value='1']").await;
        page.until_dots(dots + 1).await;
        assert_eq!(answered(&page.dots().await).len(), answers);
        let shown = "return [document.querySelector('#hero .pod').textContent,
            [...document.querySelectorAll('#dots-1 i')].map(dot => dot.textContent).join('')]";
        let dots = page.dots().await;
        let last = dots.chars().last().unwrap();
        let drawn = dots.replace(|dot: char| !dot.is_ascii_digit(), "×");
        assert_eq!(page.browser.run(shown).await, json!([format!("mysql-{last}"), drawn]));
    }
}

#[tokio::test]
async fn new_connections_through_mysql_read_meet_both_pods() {
    let page = ReadPage::open(pages().await, LAPTOP).await;

    let dots = page.ask_undisturbed(FORTY).await;

    assert!(count(&dots, '0') > 0 && count(&dots, '1') > 0, "{dots}");
    assert_shares_are_those_of(&page, &dots).await;
}

#[tokio::test]
async fn a_pool_through_mysql_read_stays_with_its_first_pod() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.choose("mysql-read", "pool", "").await;

    let dots = page.ask_undisturbed(FORTY).await;

    assert_eq!(dots, dots[..1].repeat(dots.len()));
    assert_shares_are_those_of(&page, &dots).await;
}

#[tokio::test]
async fn new_connections_spread_while_the_pool_beside_them_stays() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.choose("mysql-read", "pool", "").await;
    page.browser.click("#controls input[name='compare']").await;
    page.browser.until("return document.querySelectorAll('#dots-2 i').length > 0").await;

    let pool = page.ask_undisturbed(FORTY).await;

    let new = page.dots_beside().await;
    assert_eq!(pool, pool[..1].repeat(pool.len()));
    assert!(count(&new, '0') > 0 && count(&new, '1') > 0, "{new}");
    for (lane, dots) in [("#dots-1 i", pool), ("#dots-2 i", new)] {
        assert_eq!(page.browser.count(lane).await, dots.len(), "{dots}");
    }
}

#[tokio::test]
async fn round_robin_over_the_headless_name_alternates_with_either_kind_of_connection() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    for with in ["new", "pool"] {
        page.choose("mysql", with, "round-robin").await;

        let dots = page.ask_undisturbed(FORTY).await;

        assert!(!dots.contains("00") && !dots.contains("11"), "{with}: {dots}");
        assert_shares_are_those_of(&page, &dots).await;
    }
}

#[tokio::test]
async fn random_over_the_headless_name_meets_both_pods_and_least_connections_loses_no_query() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    for (strategy, fewest) in [("random", 1), ("least-connections", 0)] {
        page.choose("mysql", "new", strategy).await;

        let dots = page.ask_undisturbed(FORTY).await;

        let both = [count(&dots, '0'), count(&dots, '1')];
        assert!(both.into_iter().all(|queries| queries >= fewest), "{strategy}: {dots}");
        assert!(both.into_iter().sum::<usize>() >= FORTY, "{strategy}: {dots}");
        assert_shares_are_those_of(&page, &dots).await;
    }
}

#[tokio::test]
async fn sticky_keeps_each_user_with_one_pod_and_not_all_users_with_the_same() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    page.choose("mysql", "new", "sticky").await;

    let mut pods = String::new();
    for user in ["ada", "grace", "alan", "barbara", "katherine", "sofja", "edsger", "leslie"] {
        page.browser.run("document.querySelector('#controls [name=user]').value = ''").await;
        page.browser.fill("#controls [name='user']", user).await;
        page.press_radio("strategy", "sticky").await;
        let first = format!(
            "return document.getElementById('controls').elements.was.value.endsWith('sticky {user}')"
        );
        page.browser.until(&first).await;

        let dots = page.ask_undisturbed(20).await;

        assert_eq!(dots, dots[..1].repeat(dots.len()), "{user}");
        pods.push_str(&dots[..1]);
    }
    assert!(count(&pods, '0') > 0 && count(&pods, '1') > 0, "{pods}");
}

/// The table says for each pod how many of the dots it has.
async fn assert_shares_are_those_of(page: &ReadPage, dots: &str) {
    let asked = "return [...document.querySelectorAll('.shares tbody tr')]
        .map(row => [row.cells[0].innerText.trim(), Number(row.cells[1].innerText.trim())])";
    let rows: Vec<(String, usize)> = serde_json::from_value(page.browser.run(asked).await).unwrap();
    for (pod, dot) in [("mysql-0", '0'), ("mysql-1", '1')] {
        let row = rows.iter().find(|(name, _)| name.ends_with(pod));
        assert_eq!(row.map(|(_, asked)| *asked), Some(count(dots, dot)), "{rows:?} of {dots}");
    }
}
