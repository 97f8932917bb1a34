//! How reads spread over the pods: through both Services, with both kinds of connection, and with each
//! strategy.

use std::{collections::BTreeMap, sync::Arc};

use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::{is_a_fair_coin, shared},
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    client::{get, register, served, served_at},
    slow_pods::SlowPods,
};

/// An app that no other test uses, so that its turns are all this test's.
pub(crate) async fn separate_app() -> RunningApp {
    shared().app_with_host(READ_APP, "mysql-read").await.unwrap()
}

/// How many of these reads each pod answered. At most eight are in flight at a time.
async fn counts(app: &RunningApp, query: &str, reads: usize) -> BTreeMap<String, u32> {
    let (client, slots) = (Client::new(), Arc::new(Semaphore::new(8)));
    let url = format!("{}/users?{query}", app.url());
    let requests: Vec<_> = (0..reads)
        .map(|_| {
            let (client, url, slots) = (client.clone(), url.clone(), slots.clone());
            tokio::spawn(async move {
                let _slot = slots.acquire().await.unwrap();
                served_at(&client, &url).await["mysql_pod"].as_str().unwrap().to_owned()
            })
        })
        .collect();
    let mut counts = BTreeMap::new();
    for request in requests {
        *counts.entry(request.await.unwrap()).or_default() += 1;
    }
    counts
}

/// Makes such reads until their counts are as expected, three times at most. One series alone shows nothing where luck
/// was bad, or where a pod was too slow for a moment on a busy machine: read-app then reads from the other one.
async fn assert_counts(
    app: &RunningApp,
    query: &str,
    reads: usize,
    are_as_expected: impl Fn(&[u32]) -> bool,
) -> BTreeMap<String, u32> {
    let mut all = Vec::new();
    for _ in 0..3 {
        let counts = counts(app, query, reads).await;
        if are_as_expected(&counts.values().copied().collect::<Vec<_>>()) {
            return counts;
        }
        all.push(counts);
    }
    panic!("{query}: {all:?}")
}

#[tokio::test]
async fn round_robin_over_the_headless_name_is_even_to_one_read() {
    register("Ada", "round-robin@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    let are_even = |counts: &[u32]| matches!(counts, [one, other] if one.abs_diff(*other) <= 1);
    assert_counts(&app, "via=mysql&with=pool&strategy=round-robin", 3000, are_even).await;
}

#[tokio::test]
async fn random_over_the_headless_name_spreads_at_random() {
    register("Ada", "random@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    assert_counts(&app, "via=mysql&with=pool&strategy=random", 3000, is_a_fair_coin).await;
}

#[tokio::test]
async fn new_connections_through_mysql_read_spread_at_random() {
    register("Ada", "spread-new@example.org").await;

    assert_counts(&separate_app().await, "via=mysql-read&with=new", 1000, is_a_fair_coin).await;
}

#[tokio::test]
async fn a_pool_of_one_through_mysql_read_stays_with_one_pod() {
    register("Ada", "pool-of-one@example.org").await;

    let app = separate_app().await;
    assert_counts(&app, "via=mysql-read&with=pool", 1000, |counts| counts == [1000]).await;
}

#[tokio::test]
async fn a_user_sticks_to_a_pod_and_users_spread() {
    register("Ada", "sticky@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;
    let mut pods = BTreeMap::new();

    for user in 0..20 {
        let query = format!("via=mysql&with=pool&strategy=sticky&user=user{user}");
        pods.extend(assert_counts(&app, &query, 50, |counts| counts == [50]).await);
    }

    assert_eq!(pods.len(), 2, "20 users on {pods:?}");
}

#[tokio::test]
async fn least_connections_spares_a_pod_that_is_ten_times_slower() {
    register("Ada", "slow@example.org").await;
    let slow = SlowPods::start().await;
    wait_until_both_are_known(slow.app()).await;

    // The slow one, mysql-1, gets at most 38 %, also where a busy machine slows both down.
    let query = "via=mysql&with=pool&strategy=least-connections";
    let are_spared = |counts: &[u32]| counts.get(1).is_none_or(|slow| *slow <= 190);
    let counts = assert_counts(slow.app(), query, 500, are_spared).await;
    assert!(counts.contains_key("mysql-0"), "{counts:?}");
    // Round-robin does not look at it: half of the reads go there, and few of them have to go elsewhere then.
    let query = "via=mysql&with=pool&strategy=round-robin";
    assert_counts(slow.app(), query, 100, |counts| matches!(counts, [_, 43..=50])).await;
}

#[tokio::test]
async fn each_read_says_how_it_got_to_its_pod() {
    register("Ada", "evidence@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    let through_service = served(&app, "/users").await;
    let first = served(&app, "/users?via=mysql-read&with=pool").await;
    let second = served(&app, "/users?via=mysql-read&with=pool").await;
    let direct = served(&app, "/users?via=mysql&strategy=sticky&user=ada").await;

    let served = &through_service["served"];
    assert_eq!((&served["via"], &served["with"]), (&"mysql-read".into(), &"new".into()));
    let service: std::net::Ipv4Addr = served["address"].as_str().unwrap().parse().unwrap();
    let pods = pods(&app).await;
    assert!(pods.iter().all(|pod| pod["address"] != service.to_string()), "{served} {pods:?}");
    // A kept connection is the same connection, and a new one is another. Two pods may give the same number.
    let connection =
        |read: &Value| (read["mysql_pod"].clone(), read["served"]["connection"].clone());
    assert_eq!(connection(&first), connection(&second));
    assert_ne!(connection(&first), connection(&through_service));
    let asked = pods.iter().find(|pod| pod["address"] == direct["served"]["address"]).unwrap();
    assert_eq!(asked["name"], direct["mysql_pod"]);
    assert_eq!(direct["served"]["strategy"], "sticky");
}

#[tokio::test]
async fn an_unknown_choice_is_refused_with_the_known_choices() {
    for query in ["via=nowhere", "with=luck", "strategy=best", "older_than=x", "wait=9", "after=57"]
    {
        let (status, body) = get(&shared().read_app, &format!("/users?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {body}");
        assert_eq!(body["code"], "malformed_request", "{query}: {body}");
    }
    let (_, body) = get(&shared().read_app, "/users?via=nowhere").await;
    assert!(
        body["message"].as_str().unwrap().contains("via must be one of: mysql-read, mysql."),
        "{body}"
    );
}

#[tokio::test]
async fn a_parameter_that_users_does_not_have_is_ignored() {
    register("Ada", "ignored@example.org").await;

    // The page has these, and refuses such values.
    for query in ["ask=many", "id=x", "ask=99", "compare=on", "nothing=such"] {
        served(&shared().read_app, &format!("/users?{query}")).await;
    }
    for query in ["ask=many", "id=x", "ask=99"] {
        let (status, body) = get(&shared().read_app, &format!("/?{query}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{query}: {body}");
    }
}

async fn pods(app: &RunningApp) -> Vec<Value> {
    get(app, "/pods").await.1["pods"].as_array().unwrap().clone()
}

/// An app knows the pods a moment after it starts.
pub(crate) async fn wait_until_both_are_known(app: &RunningApp) {
    crate::client::until("both pods to answer their watchers", async || {
        let answering = pods(app).await.iter().filter(|pod| pod["answers"] == true).count();
        answering == 2
    })
    .await;
}
