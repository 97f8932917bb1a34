//! Reaching the pages where the nodes' ports are not open: docs/reaching-the-pages.md.

use serde_json::Value;
use tokio::runtime::Runtime;

use crate::{
    clients::client,
    deployment::{deployment, wait_for_new_apps},
    document,
    kubectl::{forward, kubectl, until},
};

const DOCUMENT: &str = "docs/reaching-the-pages.md";

/// The page at this URL.
fn page(url: &str) -> Result<String, String> {
    let page = async {
        let request = client().get(url).header("accept", "text/html");
        request.send().await?.error_for_status()?.text().await
    };
    Runtime::new().unwrap().block_on(page).map_err(|error| error.to_string())
}

/// The link to the other app in a page's head.
fn link_to(other: &str, page: &str) -> String {
    let line = page.lines().find(|line| line.contains(&format!(">{other} ↗</a>")));
    let line = line.unwrap_or_else(|| panic!("no link to {other} in {page}"));
    line.split('"').nth(1).unwrap().to_owned()
}

#[test]
fn the_pages_link_to_each_other_through_port_forwards_on_any_ports() {
    let _turn = deployment();
    document::run(DOCUMENT, &["other-ports"]);
    let forwards = [("write-app", "8080:80"), ("read-app", "8081:80")];
    let _open = forwards.map(|(app, ports)| forward(&format!("service/{app}-service"), ports));

    // From write-app to read-app, and back.
    let mut url = "http://127.0.0.1:8080/".to_owned();
    for other in ["read-app", "write-app", "read-app"] {
        let (page, _) = until(&url, || page(&url));
        url = link_to(other, &page);
    }
    assert_eq!(url, "http://127.0.0.1:8081/");

    document::run(DOCUMENT, &["usual-ports"]);
    wait_for_new_apps();
    let forward = forward("service/write-app-service", ":80");
    let (page, _) =
        until("write-app's page", || page(&format!("http://127.0.0.1:{}/", forward.port)));
    assert_eq!(link_to("read-app", &page), "http://127.0.0.1:30001/");
}

#[test]
fn the_api_server_takes_the_overlay_with_an_ingress() {
    let _turn = deployment();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../overlays/ingress");
    let taken = kubectl(&["apply", "--kustomize", folder, "--dry-run=server", "--output=json"]);

    let taken: Value = serde_json::from_str(&taken).unwrap();
    let items = taken["items"].as_array().unwrap();
    let ingress = items.iter().find(|item| item["kind"] == "Ingress").unwrap();
    for rule in ingress["spec"]["rules"].as_array().unwrap() {
        let service = &rule["http"]["paths"][0]["backend"]["service"]["name"];
        let is_it =
            |item: &&Value| item["kind"] == "Service" && item["metadata"]["name"] == *service;
        assert!(items.iter().any(|item| is_it(&item)), "{service}");
    }
}
