//! How reads spread over the pods: through both Services, with both kinds of connection, and with each
//! strategy.

use std::{collections::BTreeMap, sync::Arc};

use demo::{
    apps::{READ_APP, RunningApp},
    for_tests::shared,
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{
    client::{get, register},
    slow_pods::SlowPods,
};

/// A fair coin exceeds this in one of a thousand series: chi-squared with one degree of freedom.
const CHI_SQUARED_AT_ONE_IN_A_THOUSAND: f64 = 10.828;

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
                let response = client.get(url).send().await.unwrap();
                assert_eq!(response.status(), StatusCode::OK);
                response.json::<Value>().await.unwrap()["mysql_pod"].as_str().unwrap().to_owned()
            })
        })
        .collect();
    let mut counts = BTreeMap::new();
    for request in requests {
        *counts.entry(request.await.unwrap()).or_default() += 1;
    }
    counts
}

fn two(counts: &BTreeMap<String, u32>) -> [u32; 2] {
    counts.values().copied().collect::<Vec<_>>().try_into().unwrap_or_else(|_| panic!("{counts:?}"))
}

fn assert_is_random(counts: &BTreeMap<String, u32>) {
    let [one, other] = two(counts).map(f64::from);
    let chi_squared = (one - other).powi(2) / (one + other);
    assert!(chi_squared < CHI_SQUARED_AT_ONE_IN_A_THOUSAND, "{counts:?}: {chi_squared}");
}

#[tokio::test]
async fn round_robin_over_the_headless_name_is_even_to_one_read() {
    register("Ada", "round-robin@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    let counts = counts(&app, "via=mysql&with=pool&strategy=round-robin", 3000).await;

    let [one, other] = two(&counts);
    assert!(one.abs_diff(other) <= 1, "{counts:?}");
}

#[tokio::test]
async fn random_over_the_headless_name_spreads_at_random() {
    register("Ada", "random@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    assert_is_random(&counts(&app, "via=mysql&with=pool&strategy=random", 3000).await);
}

#[tokio::test]
async fn new_connections_through_mysql_read_spread_at_random() {
    register("Ada", "spread-new@example.org").await;

    assert_is_random(&counts(&separate_app().await, "via=mysql-read&with=new", 1000).await);
}

#[tokio::test]
async fn a_pool_of_one_through_mysql_read_stays_with_one_pod() {
    register("Ada", "pool-of-one@example.org").await;

    let counts = counts(&separate_app().await, "via=mysql-read&with=pool", 1000).await;

    assert_eq!(counts.values().collect::<Vec<_>>(), [&1000], "{counts:?}");
}

#[tokio::test]
async fn a_user_sticks_to_a_pod_and_users_spread() {
    register("Ada", "sticky@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;
    let mut pods = BTreeMap::new();

    for user in 0..20 {
        let query = format!("via=mysql&with=pool&strategy=sticky&user=user{user}");
        let counts = counts(&app, &query, 50).await;
        assert_eq!(counts.len(), 1, "user {user}: {counts:?}");
        pods.extend(counts);
    }

    assert_eq!(pods.len(), 2, "20 users on {pods:?}");
}

#[tokio::test]
async fn least_connections_spares_a_pod_that_is_ten_times_slower() {
    register("Ada", "slow@example.org").await;
    let slow = SlowPods::start().await;
    wait_until_both_are_known(slow.app()).await;

    let counts = counts(slow.app(), "via=mysql&with=pool&strategy=least-connections", 500).await;

    let slow_one = f64::from(counts.get("mysql-1").copied().unwrap_or_default());
    assert!(slow_one <= 100.0, "the slow pod got more than 20 %: {counts:?}");
    // Round-robin does not look at it.
    let blind = self::counts(slow.app(), "via=mysql&with=pool&strategy=round-robin", 100).await;
    assert_eq!(two(&blind), [50, 50]);
}

#[tokio::test]
async fn each_read_says_how_it_got_to_its_pod() {
    register("Ada", "evidence@example.org").await;
    let app = separate_app().await;
    wait_until_both_are_known(&app).await;

    let (_, through_service) = get(&app, "/users").await;
    let (_, first) = get(&app, "/users?via=mysql-read&with=pool").await;
    let (_, second) = get(&app, "/users?via=mysql-read&with=pool").await;
    let (_, direct) = get(&app, "/users?via=mysql&strategy=sticky&user=ada").await;

    let served = &through_service["served"];
    assert_eq!((&served["via"], &served["with"]), (&"mysql-read".into(), &"new".into()));
    let service: std::net::Ipv4Addr = served["address"].as_str().unwrap().parse().unwrap();
    let pods = pods(&app).await;
    assert!(pods.iter().all(|pod| pod["address"] != service.to_string()), "{served} {pods:?}");
    // A kept connection is the same connection, and a new one is another.
    assert_eq!(first["served"]["connection"], second["served"]["connection"]);
    assert_ne!(first["served"]["connection"], served["connection"]);
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
        let (status, body) = get(&shared().read_app, &format!("/users?{query}")).await;
        assert_eq!(status, StatusCode::OK, "{query}: {body}");
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
