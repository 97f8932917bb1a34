//! The pages are light.

use e2e::browser::{Browser, LAPTOP};

use crate::pages::separate;

/// Fifty users, whose names and emails are as long as they may be, in characters of four bytes.
const FIFTY_USERS: &str = "INSERT INTO userdb.users (name, email)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50)
    SELECT REPEAT('𠮷', 255), CONCAT(LPAD(n, 64, 'n'), '@', REPEAT('example.', 23), '.org') FROM numbers";

/// What the page weighs before compression: itself, and its scripts together.
const WEIGHTS: &str = "
    const [page] = performance.getEntriesByType('navigation');
    const scripts = performance.getEntriesByType('resource').filter(it => it.initiatorType === 'script');
    return [page.decodedBodySize, scripts.reduce((sum, it) => sum + it.decodedBodySize, 0),
        document.querySelectorAll('script').length, scripts.length]";

#[tokio::test]
async fn a_page_is_under_60_kilobytes_and_its_scripts_under_10_whatever_the_users() {
    let (servers, pages) = separate().await;
    servers.cluster.sql(0, FIFTY_USERS).await.unwrap();
    let browser = Browser::open(LAPTOP).await;
    // As many dots as there may be, beside as many.
    let dots = "01".repeat(120);
    let full = format!("{}?compare=on&seen={dots}&seen2={dots}", pages.read());

    for page in [pages.write(), full] {
        browser.goto(&page).await;
        let weights: [u32; 4] = serde_json::from_value(browser.run(WEIGHTS).await).unwrap();
        let [html, scripts, elements, files] = weights;
        println!("figure: {page} weighs {html} bytes, its scripts {scripts}");
        assert!((1..60_000).contains(&html), "{page} weighs {html} bytes");
        assert!(scripts < 10_000, "the scripts of {page} weigh {scripts} bytes");
        assert_eq!(elements, files, "a script that is no file was not weighed");
    }
    servers.cluster.stop().await.unwrap();
}
