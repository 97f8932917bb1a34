//! axe-core, which knows the rules of accessible pages: <https://github.com/dequelabs/axe-core>.

use std::path::PathBuf;

use demo::cache_folder;
use e2e::browser::Browser;
use serde_json::json;

/// WCAG 2.2 A and AA, and axe's own best practices.
const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

const RUN: &str = "
    const [rules, done] = arguments;
    axe.run(document, { runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] }).then(
        found => done({
            checked: found.passes.length,
            violations: found.violations.flatMap(rule => rule.nodes.map(node =>
                `${rule.id}: ${node.target} ${node.failureSummary.replace(/\\s+/g, ' ')}`)),
        }),
        error => done({ checked: 0, violations: [String(error)] }));";

/// The violations on the open page: one entry for each element.
pub(crate) async fn violations(browser: &Browser) -> Vec<String> {
    browser.run(&source()).await;
    let found = browser.run_async(RUN, json!([RULES])).await;
    let checked = found["checked"].as_u64();
    assert!(checked.is_some_and(|rules| rules > 10), "axe applied too few rules: {found}");
    serde_json::from_value::<Vec<String>>(found["violations"].clone()).unwrap()
}

fn source() -> String {
    let file = std::env::var_os("AXE_JS").map(PathBuf::from);
    let file = file.unwrap_or_else(|| cache_folder().unwrap().join("ci/axe.min.js"));
    std::fs::read_to_string(&file).unwrap_or_else(|error| {
        panic!("axe-core at {}: {error}; run `.ci/run tools`, or set AXE_JS", file.display())
    })
}
