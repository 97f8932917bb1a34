//! The pages are light.

use testbed::browser::{Browser, LAPTOP};

use crate::pages::OwnPages;

/// Fifty users, whose names are as long and as wide as names may be.
const FIFTY_USERS: &str = "INSERT INTO userdb.users (name, email)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50)
    SELECT REPEAT('漢', 255), CONCAT('user', n, '@example.org') FROM numbers";

/// What the page weighs before compression: itself, and its scripts together.
const WEIGHTS: &str = "
    const [page] = performance.getEntriesByType('navigation');
    const scripts = performance.getEntriesByType('resource').filter(it => it.initiatorType === 'script');
    return [page.decodedBodySize, scripts.reduce((sum, it) => sum + it.decodedBodySize, 0),
        document.querySelectorAll('script').length, scripts.length]";

#[tokio::test]
async fn a_page_is_under_60_kilobytes_and_its_scripts_under_10_whatever_the_users() {
    let own = OwnPages::start().await;
    own.testbed.sql(0, FIFTY_USERS).await.unwrap();
    let browser = Browser::open(LAPTOP).await;

    for page in own.pages.both() {
        browser.goto(&page).await;
        let weights: [u32; 4] = serde_json::from_value(browser.run(WEIGHTS).await).unwrap();
        let [html, scripts, elements, files] = weights;
        println!("figure: {page} weighs {html} bytes, its scripts {scripts}");
        assert!((1..60_000).contains(&html), "{page} weighs {html} bytes");
        assert!(scripts < 10_000, "the scripts of {page} weigh {scripts} bytes");
        assert_eq!(elements, files, "a script that is no file was not weighed");
    }
    own.stop().await;
}
