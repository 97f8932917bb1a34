//! The pages in a real browser, through the NodePorts.

use e2e::browser::{Browser, LAPTOP};
use tokio::runtime::Runtime;

use crate::{
    clients::node_port,
    deployment::deployment,
    kubectl::{kubectl, wait_for_ready_pods},
    registration::new_email,
    routing::wait_until_seen,
};

/// The dots so far: a figure for the ordinal of the pod that answered, a capital letter where no pod did.
const DOTS: &str = "document.getElementById('controls').elements.seen.value";

/// What the table of shares says of a pod.
const ROW: &str = "[...document.querySelectorAll('.shares tbody tr')].find(row => row.innerText.includes('mysql-1'))";

async fn register(browser: &Browser, name: &str) {
    browser.goto(&node_port(30000, "/")).await;
    browser.fill("#name", name).await;
    browser.fill("#email", &new_email()).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('.done') !== null").await;
}

/// Chooses a Service, and asks forty times.
async fn ask_through(browser: &Browser, via: &str) -> String {
    let more = |than: usize| format!("return {DOTS}.length >= {than}");
    browser.click(&format!("input[name='via'][value='{via}']")).await;
    let mode = "return document.getElementById('controls').elements.was.value.startsWith(arguments[0] + ' ')";
    browser.until(&mode.replace("arguments[0]", &format!("'{via}'"))).await;
    for dots in [20, 40] {
        browser.click("#controls button[value='20']").await;
        browser.until(&more(dots)).await;
    }
    browser.run(&format!("return {DOTS}")).await.as_str().unwrap().to_owned()
}

#[test]
fn a_person_registers_reads_it_back_and_sees_both_services_spread_over_the_pods() {
    let _turn = deployment();
    wait_until_seen();
    Runtime::new().unwrap().block_on(async {
        let browser = Browser::open(LAPTOP).await;
        register(&browser, "Ada Lovelace").await;
        let receipt = browser.text(".done").await;
        assert!(receipt.contains("written on mysql-0") && receipt.contains(":"), "{receipt}");

        browser.click(".done a.button").await;
        browser.until("return document.querySelector('#users .mine') !== null").await;

        assert!(browser.text("#users .mine").await.contains("Ada Lovelace"));
        assert!(browser.text("#users .answer").await.contains(" had user "));
        for via in ["mysql", "mysql-read"] {
            let dots = ask_through(&browser, via).await;
            assert!(dots.contains('0') && dots.contains('1'), "{via}: {dots}");
        }
        let names = browser.text("#names").await;
        assert!(names.contains("SRV") && names.contains("svc.cluster.local"), "{names}");
    });
}

#[test]
fn a_deleted_pod_is_seen_to_leave_the_page_and_to_come_back() {
    let _turn = deployment();
    wait_until_seen();
    Runtime::new().unwrap().block_on(async {
        let browser = Browser::open(LAPTOP).await;
        browser.goto(&node_port(30001, "/")).await;
        browser
            .run(
                "const rate = document.getElementById('rate'); rate.value = 10;
            rate.dispatchEvent(new Event('input', { bubbles: true }))",
            )
            .await;
        browser.until(&format!("return {DOTS}.includes('1')")).await;

        tokio::task::spawn_blocking(|| kubectl(&["delete", "pod", "mysql-1"])).await.unwrap();

        browser
            .until(&format!(
                "const row = {ROW}; return !row || row.querySelector('.gone') !== null"
            ))
            .await;
        tokio::task::spawn_blocking(|| wait_for_ready_pods(2)).await.unwrap();
        browser
            .until(&format!("const row = {ROW}; return row && row.querySelector('.gone') === null"))
            .await;
        browser.until(&format!("return /1.{{0,9}}$/.test({DOTS})")).await;
        let seen =
            "return document.getElementById('tried-deleted').textContent.includes(' UTC: mysql-1')";
        browser.until(seen).await;
        assert!(browser.text(".story").await.contains("mysql names mysql-1 again, at "));
        assert!(browser.text("#try").await.contains("kubectl delete pod mysql-1"));
    });
}
