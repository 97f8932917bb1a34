//! `GET /names` and `GET /pods`.

use demo::{for_tests::shared, network::MYSQL_PORT};

use crate::{
    client::{get, page_of, register, until},
    routing::wait_until_both_are_known,
};

#[tokio::test]
async fn the_headless_name_has_the_pods_addresses_and_mysql_read_has_one_address() {
    register("Ada", "names@example.org").await;
    let app = &shared().read_app;
    wait_until_both_are_known(app).await;

    let (_, names) = get(app, "/names").await;
    let (_, pods) = get(app, "/pods").await;

    let records = |name: &str| -> Vec<String> {
        let answers = names["answers"].as_array().unwrap();
        let answer = answers.iter().find(|answer| answer["name"] == name).unwrap();
        assert!(answer["full_name"].as_str().unwrap().ends_with(".svc.cluster.local."), "{answer}");
        let records = answer["records"].as_array().unwrap();
        assert!(records.iter().all(|record| record["ttl"].as_u64().unwrap() <= 30), "{answer}");
        records.iter().map(|record| record["value"].as_str().unwrap().to_owned()).collect()
    };
    let mut addresses: Vec<_> = pods["pods"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| pod["address"].as_str().unwrap().to_owned())
        .collect();
    addresses.sort();
    assert_eq!(records("mysql"), addresses);
    assert_eq!(records("mysql-0.mysql"), [pods["pods"][0]["address"].as_str().unwrap()]);
    let service = records("mysql-read");
    assert!(service.len() == 1 && !addresses.contains(&service[0]), "{service:?}");
    assert_eq!(
        records("_mysql._tcp.mysql"),
        [0, 1].map(|n| format!("mysql-{n}.mysql.default.svc.cluster.local. {MYSQL_PORT}"))
    );
    assert_eq!(names["search_path"][0], "default.svc.cluster.local");
}

#[tokio::test]
async fn the_ttl_of_answers_that_are_new_stays_the_same_and_no_cache_is_reported() {
    let app = &shared().read_app;

    until("the TTLs of some seconds", async || {
        let (_, names) = get(app, "/names").await;
        assert_ne!(names["from_cache"], true, "the demo's DNS has no cache: {names}");
        names["from_cache"] == false
    })
    .await;
    let page = page_of(app).await;
    assert!(page.contains("it stays at 30 s"), "{page}");
}

#[tokio::test]
async fn each_pod_has_its_role_and_its_lag() {
    register("Ada", "pods@example.org").await;
    let app = &shared().read_app;
    wait_until_both_are_known(app).await;

    let (_, body) = get(app, "/pods").await;

    let [primary, replica] = &body["pods"].as_array().unwrap()[..] else { panic!("{body}") };
    assert_eq!((&primary["name"], &primary["role"]), (&"mysql-0".into(), &"primary".into()));
    assert_eq!((&replica["name"], &replica["role"]), (&"mysql-1".into(), &"replica".into()));
    assert!(primary["lag_seconds"].is_null(), "{primary}");
}
