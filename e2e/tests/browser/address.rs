//! The address of read-app's page, which says all that the page shows: its place in the list, its choices, its dots.

use e2e::browser::{Browser, LAPTOP};

use crate::{
    pages::{Pages, new_email, pages},
    read_page::ReadPage,
};

/// The emails in the list, and what the page says above them.
const LIST: &str = "return [...document.querySelectorAll('#users td:nth-child(3), #search')]
    .map(it => it.value || it.innerText).join()";

/// The dots, once the address has all that the form has.
const ADDRESSED: &str = "const { elements } = document.getElementById('controls');
    const query = new URLSearchParams(location.search);
    return elements.seen.value.length > 1 && ['seen', 'was'].every(name => query.get(name) === elements[name].value)
        && elements.seen.value";

/// 25 users whose names begin with `name`, which both pods have.
async fn twenty_five(pages: &Pages, name: &str) {
    for number in 1..=25 {
        pages.register(&format!("{name} {number}")).await;
    }
}

/// Opens the page with a search, and waits until it has so many results.
async fn search(browser: &Browser, pages: &Pages, query: &str, results: usize) {
    browser.goto(&format!("{}?{query}", pages.read())).await;
    for _ in 0..100 {
        if browser.count("#users tbody tr").await >= results {
            return;
        }
        browser.refresh().await;
    }
    panic!("the search does not have {results} results: {}", browser.text("#users").await);
}

/// Clicks, and waits for the next page.
async fn click_and_load(browser: &Browser, selector: &str) {
    let opened = browser.run("return performance.timeOrigin").await;
    browser.click(selector).await;
    let loaded = "&& document.readyState === 'complete'";
    browser.until(&format!("return performance.timeOrigin !== {opened} {loaded}")).await;
}

#[tokio::test]
async fn a_page_that_is_loaded_again_after_some_queries_shows_the_same_users_and_dots() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    let (browser, pages) = (&page.browser, &page.pages);
    twenty_five(pages, "Again & \"% +").await;
    search(browser, pages, "search=again+%26+%22%25+%2B&via=mysql&id=7", 10).await;
    click_and_load(browser, ".pages a[data-keep^='older_than']").await;
    let (list, position) =
        (browser.run(LIST).await, browser.value("[form=controls][name=older_than]").await);

    page.set_rate(10).await;
    page.until_dots(8).await;
    page.pause().await;
    // A query that is still in flight may add another.
    let dots = browser.until(ADDRESSED).await.as_str().unwrap().to_owned();
    browser.refresh().await;

    assert_eq!(browser.run(LIST).await, list);
    assert_eq!(browser.value("[form=controls][name=older_than]").await, position);
    assert_eq!(browser.value("[name=via]:checked").await, "mysql");
    assert!(page.dots().await.starts_with(&dots), "{dots}");

    // On to the last page, and back by the browser's history.
    click_and_load(browser, ".pages a[data-keep^='older_than']:last-child").await;
    assert_eq!(browser.count("#users tbody tr").await, 5);
    browser.run("history.back()").await;
    browser
        .until(
            &format!("return (() => {{ {LIST} }})() === arguments[0]")
                .replace("arguments[0]", &list.to_string()),
        )
        .await;
}

#[tokio::test]
async fn a_search_takes_along_what_was_chosen_since_the_page_was_opened() {
    let page = ReadPage::open(pages().await, LAPTOP).await;
    let browser = &page.browser;
    let email = new_email();
    page.choose("mysql", "new", "random").await;
    browser.click("#controls [name=compare]").await;
    browser
        .until("return document.getElementById('controls').elements.seen2.value.length > 0")
        .await;
    let (dots, beside) = (page.dots().await, page.dots_beside().await);

    browser.fill("#search", &email).await;
    click_and_load(browser, "form[role=search] button").await;

    assert_eq!(browser.value("#controls [name=strategy]:checked").await, "random");
    assert_eq!(browser.count("#controls [name=compare]:checked").await, 1);
    assert!(page.dots().await.starts_with(&dots), "{dots}");
    assert!(page.dots_beside().await.starts_with(&beside), "{beside}");
    // The choice is taken back, and the next search takes that along too.
    browser.click("#controls [name=compare]").await;
    click_and_load(browser, "form[role=search] button").await;
    assert_eq!(browser.count("#controls [name=compare]:checked").await, 0);
    assert_eq!(browser.value("#search").await, *email);
}

#[tokio::test]
async fn without_scripts_a_press_of_ask_keeps_the_search_and_the_place_in_the_list() {
    let pages = pages().await;
    let browser = Browser::open(LAPTOP).await;
    browser.forbid_scripts().await;
    twenty_five(&pages, "Without & \"scripts").await;
    search(&browser, &pages, "search=without+%26+%22", 10).await;
    click_and_load(&browser, ".pages a[data-keep^='older_than']").await;
    let list = browser.run(LIST).await;

    click_and_load(&browser, "#controls button[value='1']").await;
    assert_eq!(browser.run(LIST).await, list);
    click_and_load(&browser, "#controls button[name='over']").await;
    assert_eq!(browser.run(LIST).await, list);

    click_and_load(&browser, "form[role=search] button").await;
    assert_eq!(browser.count("#users tbody tr").await, 10, "a search begins with the newest");
    assert_ne!(browser.run(LIST).await, list);
}
