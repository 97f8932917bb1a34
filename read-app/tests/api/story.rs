//! What the page tells of the pods, what it proposes to try, and what it shows as seen.

use std::net::IpAddr;

use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::shared,
    scripted_dns::Reply,
};

use crate::{
    client::{page_at, page_of, register, undisturbed_page, until},
    dns_failures::{HEADLESS, server_and_app},
    routing::{separate_app, wait_until_both_are_known},
};

/// The part of the page with this id, up to the end of its paragraph.
fn mark<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("id=\"tried-{id}\"")).unwrap();
    rest.split_once("</p>").unwrap().0
}

async fn until_the_page_says(app: &RunningApp, path: &str, text: &str) {
    until(text, async || page_at(app, path).await.contains(text)).await;
}

#[tokio::test]
async fn the_page_tells_how_a_pod_left_and_came_back_and_shows_that_as_seen() {
    register("Ada", "story@example.org").await;
    let (server, app) = server_and_app().await;
    let [primary, replica] = [0, 1].map(|ordinal| IpAddr::from(shared().cluster.address(ordinal)));
    wait_until_both_are_known(&app).await;
    let live = "/?part=live&ask=0";
    until_the_page_says(&app, live, "Nothing has changed since ").await;

    server.reply(HEADLESS, Reply::Addresses(vec![primary]));
    until_the_page_says(&app, live, "mysql no longer names mysql-1").await;
    let page = page_of(&app).await;
    assert!(mark(&page, "deleted").contains("not seen yet"), "it is not back: {page}");
    assert!(page.contains("<code>scale 3</code>"), "mysql-1 is away and still counts: {page}");
    server.reply(HEADLESS, Reply::Addresses(vec![primary, replica]));

    until_the_page_says(&app, live, "mysql-1 answers again, ").await;
    for path in ["/", live] {
        let page = page_at(&app, path).await;
        let again = format!("mysql names mysql-1 again, at {replica} as before");
        assert!(page.contains(&again), "{page}");
        let seen = mark(&page, "deleted");
        assert!(seen.contains("✓ seen at ") && seen.ends_with(" UTC: mysql-1"), "{seen}");
        for other in ["added", "lagged", "primary-away"] {
            assert!(mark(&page, other).contains("not seen yet"), "{other}: {page}");
        }
    }
}

#[tokio::test]
async fn a_pod_that_is_named_for_the_first_time_is_told_as_new() {
    register("Ada", "new-pod@example.org").await;
    let (server, app) = server_and_app().await;
    let [primary, replica] = [0, 1].map(|ordinal| IpAddr::from(shared().cluster.address(ordinal)));
    drop(app);
    server.reply(HEADLESS, Reply::Addresses(vec![primary]));
    let variables = vec![("DNS_SERVER".to_owned(), server.address().to_string())];
    let app = shared().app_with(READ_APP, variables).await.unwrap();
    until_the_page_says(&app, "/", "Nothing has changed since ").await;

    server.reply(HEADLESS, Reply::Addresses(vec![primary, replica]));

    let new = format!("mysql-1 is new: mysql names it at {replica}");
    until_the_page_says(&app, "/", &new).await;
    // The name comes from DNS, and the answer from the pod, a moment later.
    until_the_page_says(&app, "/", "mysql-1 answers for the first time, ").await;
    let page = page_of(&app).await;
    assert!(mark(&page, "added").contains("✓ seen at "), "{page}");
}

#[tokio::test]
async fn the_page_shows_the_commands_of_the_place_where_it_runs() {
    register("Ada", "place@example.org").await;
    let kubernetes = vec![("RUNS_IN".to_owned(), "kubernetes".to_owned())];
    let in_kubernetes = shared().app_with(READ_APP, kubernetes).await.unwrap();
    wait_until_both_are_known(&in_kubernetes).await;

    let page = page_of(&in_kubernetes).await;
    for command in [
        "kubectl delete pod mysql-1",
        "kubectl scale statefulset mysql --replicas=3",
        "kubectl exec mysql-1 -- mysql -uroot -e ",
        "kubectl delete pod mysql-0",
    ] {
        assert!(page.contains(&format!("<code>{command}")), "{command}: {page}");
    }
    assert!(!page.contains("cargo demo") && !page.contains("dns-cache"), "{page}");

    let page = page_of(&shared().read_app).await;
    for command in [
        "delete mysql-1",
        "lag mysql-1",
        "catch-up mysql-1",
        "dns-cache 30",
        "dns-cache off",
        "freeze mysql-1",
        "thaw mysql-1",
        "delete mysql-0",
    ] {
        assert!(page.contains(&format!("<code>{command}</code>")), "{command}: {page}");
    }
    assert!(page.contains("cargo demo -- do") && !page.contains("kubectl"), "{page}");
}

#[tokio::test]
async fn a_pool_is_seen_in_the_dots_of_this_page_and_not_in_those_of_another() {
    register("Ada", "pooled@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    for (path, is_seen) in [
        ("/?with=pool&ask=20", true),
        ("/?with=new&compare=on&ask=20", true),
        ("/?part=live&with=pool&was=mysql-read+pool&seen=11111&ask=0", true),
        ("/?part=live&with=pool&was=mysql-read+pool&seen=1111U&ask=0", false),
        ("/?with=new&ask=20", false),
        ("/", false),
    ] {
        // The path may say that an attempt failed.
        let page = match path.contains("seen=") {
            true => page_at(&app, path).await,
            false => undisturbed_page(&app, path).await,
        };
        let seen = mark(&page, "pooled");
        assert_eq!(seen.contains("✓ seen in the dots of this page"), is_seen, "{path}: {page}");
    }
}
