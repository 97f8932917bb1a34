//! `GET /users`.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    time::{Duration, Instant, SystemTime},
};

use demo::{endpoints::Endpoints, for_tests::shared, network::MYSQL_PORT, read_service};
use reqwest::{Client, StatusCode};
use serde_json::Value;

use crate::client::{app_with_host, register, served, users_of};

#[tokio::test]
async fn users_come_newest_first_in_the_form_that_clients_know() {
    register("Ada", "newest-1@example.org").await;
    register("Grace", "newest-2@example.org").await;

    // Without the search, users whom other tests add meanwhile may fill the page.
    let body = served(&shared().read_app, "/users?search=newest-").await;

    assert_eq!(body["success"], true);
    let users = body["users"].as_array().unwrap();
    let ids: Vec<_> = users.iter().map(|user| user["id"].as_u64().unwrap()).collect();
    assert!(ids.is_sorted_by(|newer, older| newer > older), "{ids:?}");
    let position = |email: &str| users.iter().position(|user| user["email"] == email).unwrap();
    assert!(position("newest-2@example.org") < position("newest-1@example.org"));
    let grace = &users[position("newest-2@example.org")];
    assert_eq!(grace["name"], "Grace");
    let created_at = httpdate::parse_http_date(grace["created_at"].as_str().unwrap()).unwrap();
    let age = SystemTime::now().duration_since(created_at).unwrap();
    assert!(
        age < Duration::from_secs(60) && grace["created_at"].as_str().unwrap().ends_with(" GMT"),
        "{grace}"
    );
}

#[tokio::test]
async fn dates_are_in_utc_whatever_the_time_zone_of_the_server_is() {
    register("Ada", "time-zone@example.org").await;
    // This holds for connections that are opened from now on.
    shared().cluster.sql(1, "SET GLOBAL time_zone = '+05:00'").await.unwrap();
    let app = app_with_host("mysql-1.mysql").await;

    let body = served(&app, "/users?search=time-zone%40example.org").await;

    shared().cluster.sql(1, "SET GLOBAL time_zone = 'SYSTEM'").await.unwrap();
    let ada = &body["users"][0];
    let created_at = httpdate::parse_http_date(ada["created_at"].as_str().unwrap()).unwrap();
    let age = SystemTime::now().duration_since(created_at).unwrap();
    assert!(age < Duration::from_secs(60), "{ada}");
}

#[tokio::test]
async fn every_pod_answers_some_of_many_reads() {
    register("Ada", "spread@example.org").await;
    let end = Instant::now() + Duration::from_secs(30);
    let mut pods = BTreeSet::new();

    while pods.len() < 2 {
        assert!(Instant::now() < end, "only {pods:?} answered");
        pods.insert(users_of(&shared().read_app).await["mysql_pod"].as_str().unwrap().to_owned());
    }

    assert_eq!(pods, BTreeSet::from(["mysql-0".to_owned(), "mysql-1".to_owned()]));
}

#[tokio::test]
async fn the_pod_that_is_named_is_the_pod_that_was_asked() {
    register("Ada", "named@example.org").await;

    for pod in ["mysql-0", "mysql-1"] {
        let app = app_with_host(&format!("{pod}.mysql")).await;
        for _ in 0..5 {
            assert_eq!(users_of(&app).await["mysql_pod"], pod);
        }
    }
}

#[tokio::test]
async fn a_pod_that_cannot_be_reached_is_a_503_with_a_cause() {
    let app = app_with_host("mysql-7.mysql").await;

    let response = Client::new().get(app.url() + "/users").send().await.unwrap();

    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(response.json::<Value>().await.unwrap()["code"], "database_name_unknown");
}

#[tokio::test]
async fn the_account_of_read_app_can_select_and_nothing_else() {
    let grants = shared().cluster.sql(0, "SHOW GRANTS FOR 'reader'@'%'").await.unwrap();

    let grants: Vec<_> = grants.lines().collect();
    assert_eq!(
        grants,
        ["GRANT USAGE ON *.* TO `reader`@`%`", "GRANT SELECT ON `userdb`.* TO `reader`@`%`"]
    );
}

#[tokio::test]
async fn a_pod_that_has_just_died_costs_no_reader_an_error() {
    register("Ada", "died@example.org").await;
    let replica: Ipv4Addr =
        shared().cluster.sql(1, "SELECT @@bind_address").await.unwrap().parse().unwrap();
    let [_, a, b, _] = replica.octets();
    let (dead, service) = (Ipv4Addr::new(127, a, b, 78), Ipv4Addr::new(127, a, b, 77));
    let endpoints = Endpoints::default();
    for (name, address) in [("mysql-1", replica), ("mysql-2", dead)] {
        endpoints.add(name, address);
        endpoints.set_ready(name, true);
    }
    let _service = read_service::serve((service, MYSQL_PORT).into(), endpoints).await.unwrap();
    let app = app_with_host(&service.to_string()).await;

    // Every second connection goes to the dead pod. Five attempts all meet it in one of 32 requests; a single attempt in
    // every second request.
    let mut failed = Vec::new();
    // On a machine that is busy, the pod that lives may be too slow for a while.
    while failed.last().is_none_or(|failed| *failed >= 10) {
        assert!(failed.len() < 3, "{failed:?} of 40 requests failed");
        failed.push(0);
        for _ in 0..40 {
            let response = Client::new().get(app.url() + "/users").send().await.unwrap();
            *failed.last_mut().unwrap() += u32::from(!response.status().is_success());
        }
    }
}
