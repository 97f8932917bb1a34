//! The apps behind a proxy, as docs/reaching-the-pages.md has them behind an Ingress.
//!
//! A browser says by `Sec-Fetch-Site` where a form comes from, but not over plain HTTP. Then write-app compares the
//! form's `Origin` with the `Host` header, which a proxy may have changed.

use std::process::Command;

use e2e::browser::{Browser, LAPTOP};
use tempfile::tempdir;
use tokio::runtime::Runtime;

use crate::{
    deployment::{deployment, wait_for_new_apps},
    kubectl::{forward, kubectl, said, try_kubectl_with_input, wait_for},
    registration::new_email,
};

/// A name that leads the tests' browser to this machine, and that it does not trust as it trusts `localhost`.
const HOST: &str = "write.example.com";

/// Starts NGINX in front of write-app, with a certificate of the test.
fn start_proxy() {
    let folder = tempdir().unwrap();
    let [key, certificate] = ["tls.key", "tls.crt"].map(|name| folder.path().join(name));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days=2", "-subj", "/CN=test"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    said(&made.unwrap()).unwrap();
    let [key, certificate] = [("key", key), ("cert", certificate)]
        .map(|(option, path)| format!("--{option}={}", path.display()));
    kubectl(&["create", "secret", "tls", "write-app-tls", &key, &certificate]);
    try_kubectl_with_input(&["apply", "--filename=-"], include_str!("proxy.yaml")).unwrap();
    wait_for("condition=Ready", &["pod/proxy"]);
}

/// Fills in the form at this address, and returns what the next page says.
async fn register(browser: &Browser, address: &str) -> String {
    browser.goto(address).await;
    browser.fill("#name", "Ada").await;
    browser.fill("#email", &new_email()).await;
    browser.click("form[action='/submit'] button").await;
    browser.until("return document.querySelector('form') === null || document.querySelector('.done') !== null").await;
    browser.text("main").await
}

#[test]
fn forms_come_through_a_proxy_that_ends_tls_and_through_one_that_changes_the_host() {
    let _turn = deployment();
    start_proxy();
    let [tls, plain] = [":8443", ":8080"].map(|ports| forward("pod/proxy", ports));
    let secure = format!("https://{HOST}:{}", tls.port);
    let changed = format!("http://{HOST}:{}", plain.port);
    let runtime = Runtime::new().unwrap();
    let register = |address: &str| {
        runtime.block_on(async { register(&Browser::open(LAPTOP).await, address).await })
    };

    let said = register(&secure);
    assert!(said.contains("written on mysql-0"), "{said}");

    let said = register(&changed);
    assert!(said.contains(&changed) && said.contains("TRUSTED_ORIGINS"), "{said}");

    let trusted = format!("TRUSTED_ORIGINS={changed}");
    kubectl(&["set", "env", "deployment/write-app", &trusted]);
    wait_for_new_apps();
    let said = register(&changed);
    assert!(said.contains("written on mysql-0"), "{said}");

    kubectl(&["set", "env", "deployment/write-app", "TRUSTED_ORIGINS-"]);
    kubectl(&["delete", "pod/proxy", "configmap/proxy", "secret/write-app-tls"]);
    wait_for_new_apps();
}
