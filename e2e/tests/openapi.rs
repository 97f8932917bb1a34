//! `/openapi.json` of both apps describes all that they offer, and nothing else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

use std::collections::BTreeSet;

use app_core::config::{About, Config};
use axum::Router;
use demo::{
    apps::RunningApp,
    for_tests::{SharedCluster, shared},
};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// A path and a method.
type Operation = (String, String);

/// Without HEAD, which every route of GET has too, and OPTIONS, which every route answers.
const METHODS: [Method; 6] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::TRACE];

async fn document(app: &RunningApp) -> Value {
    let response = Client::new().get(app.url() + "/openapi.json").send().await.unwrap();
    response.json().await.unwrap()
}

fn described(document: &Value) -> BTreeSet<Operation> {
    let paths = document["paths"].as_object().unwrap().iter();
    let operations = paths.flat_map(|(path, item)| {
        item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase()))
    });
    operations.collect()
}

/// The paths of the routes in the code. A router has them only in its debug output: `RouteId(3): "/users"`.
fn paths(routes: &Router) -> BTreeSet<String> {
    let printed = format!("{routes:?}");
    let named = printed.split("RouteId(").filter_map(|rest| rest.split_once("): \""));
    let paths = named.filter_map(|(_, path)| path.split('"').next());
    paths
        .filter(|path| path.starts_with('/') && !path.contains("__private"))
        .map(str::to_owned)
        .collect()
}

/// The methods that the app has at these paths.
async fn offered(app: &RunningApp, paths: &BTreeSet<String>) -> BTreeSet<Operation> {
    let mut offered = BTreeSet::new();
    for path in paths {
        for method in METHODS {
            let request = Client::new().request(method.clone(), app.url() + path);
            let status = request.send().await.unwrap().status();
            if !matches!(status, StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED) {
                offered.insert((path.clone(), method.to_string()));
            }
        }
    }
    offered
}

async fn check(app: &RunningApp, about: &About, make: impl Fn(&Config) -> Router) {
    let environment = shared().cluster.environment(about).unwrap();
    let mut paths = paths(&make(&Config::from_variables(about, environment).unwrap()));
    assert!(paths.contains("/") && paths.contains("/assets/style.css"), "{paths:?}");
    // The document does not describe the files of the pages.
    paths.retain(|path| !path.starts_with("/assets/"));

    let document = document(app).await;

    assert!(document["openapi"].as_str().unwrap().starts_with("3.1."), "{document}");
    assert_eq!(document["info"]["title"], about.name);
    assert_eq!(described(&document), offered(app, &paths).await, "{}", about.name);
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_of_a_route() {
    let SharedCluster { write_app, read_app, .. } = shared();

    check(write_app, &write_app::ABOUT, |config| write_app::app(config).unwrap().0).await;
    check(read_app, &read_app::ABOUT, |config| read_app::app(config).unwrap().0).await;
}

#[tokio::test]
async fn errors_are_described_in_the_form_of_all_errors() {
    let document = document(&shared().write_app).await;

    let responses = &document["paths"]["/submit"]["post"]["responses"];
    for status in ["400", "403", "409", "413", "415", "422", "500", "503"] {
        let schema = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(schema, "#/components/schemas/Problem", "{status}: {responses}");
    }
    let fields = document["components"]["schemas"]["Problem"]["required"].as_array().unwrap();
    for field in ["type", "title", "status", "detail", "success", "message", "code", "request_id"] {
        assert!(fields.contains(&field.into()), "{field}: {fields:?}");
    }
}

#[tokio::test]
async fn users_has_its_nine_parameters_and_the_page_has_those_and_nine_more() {
    let document = document(&shared().read_app).await;
    let parameters = |path: &str| -> BTreeSet<String> {
        let parameters = document["paths"][path]["get"]["parameters"].as_array().unwrap();
        assert!(parameters.iter().all(|parameter| parameter["in"] == "query"), "{parameters:?}");
        parameters.iter().map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect()
    };
    let set = |names: [&str; 9]| BTreeSet::from(names.map(str::to_owned));

    let users = set([
        "via",
        "with",
        "strategy",
        "user",
        "after",
        "wait",
        "older_than",
        "newer_than",
        "search",
    ]);
    let page = set(["compare", "large", "seen", "seen2", "was", "over", "ask", "part", "id"]);
    assert_eq!(parameters("/users"), users);
    assert_eq!(parameters("/"), &users | &page);
}
