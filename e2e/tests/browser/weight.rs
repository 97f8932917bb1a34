//! The pages are light.

use e2e::browser::{Browser, LAPTOP};

use crate::{pages::separate, read_page::open_list};

/// Fifty users. Their names and emails are as long as they may be, the names in characters of four bytes.
const FIFTY_USERS: &str = "INSERT INTO userdb.users (name, email)
    WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50)
    SELECT REPEAT('𠮷', 255), CONCAT(LPAD(n, 64, 'n'), '@', REPEAT('example.', 23), '.org') FROM numbers";

/// How many bytes the page and its scripts have before compression, and how many scripts there are.
const WEIGHTS: &str = "
    const [page] = performance.getEntriesByType('navigation');
    const scripts = performance.getEntriesByType('resource').filter(it => it.initiatorType === 'script');
    return [page.decodedBodySize, scripts.reduce((sum, it) => sum + it.decodedBodySize, 0),
        document.querySelectorAll('script').length, scripts.length]";

#[tokio::test]
async fn with_the_longest_users_a_page_is_under_60_kilobytes_and_its_scripts_under_10() {
    let (servers, pages) = separate().await;
    servers.cluster.sql(0, FIFTY_USERS).await.unwrap();
    let browser = Browser::open(LAPTOP).await;
    // Two lanes with as many dots as the page keeps.
    let dots = "01".repeat(60);
    let full = format!("{}?compare=on&seen={dots}&seen2={dots}", pages.read());

    for page in [pages.write(), full] {
        open_list(&browser, &page).await;
        let weights: [u32; 4] = serde_json::from_value(browser.run(WEIGHTS).await).unwrap();
        let [html, scripts, elements, files] = weights;
        println!("figure: {page} weighs {html} bytes, its scripts {scripts}");
        assert!((1..60_000).contains(&html), "{page} weighs {html} bytes");
        assert!(scripts < 10_000, "the scripts of {page} weigh {scripts} bytes");
        assert_eq!(elements, files, "an inline script was not weighed");
    }
    servers.cluster.stop().await.unwrap();
}
