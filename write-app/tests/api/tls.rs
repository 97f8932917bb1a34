//! TLS to MySQL: which certificates write-app trusts.

use demo::{apps::WRITE_APP, for_tests::shared};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::client::new_email;

/// The file of the authority that signed the server's certificate. Each server has made one for itself.
async fn ca_of(ordinal: u8) -> String {
    shared().cluster.sql(ordinal, "SELECT CONCAT(@@datadir, @@ssl_ca)").await.unwrap()
}

/// The response to a registration on mysql-0 by an app with these variables.
async fn submit_with(variables: &[(&str, &str)]) -> (StatusCode, Value) {
    let owned = variables.iter().map(|(name, value)| (name.to_string(), value.to_string()));
    let app = shared().app_with(WRITE_APP, owned.collect()).await.unwrap();
    let body = json!({ "name": "Ada", "email": new_email() });
    let response = Client::new().post(app.url() + "/submit").json(&body).send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

#[tokio::test]
async fn a_server_with_a_certificate_from_the_configured_authority_is_trusted() {
    let (status, body) = submit_with(&[("DB_TLS_CA_FILE", &ca_of(0).await)]).await;

    assert_eq!(status, StatusCode::OK, "{body}");
}

/// Two authorities are configured while one replaces the other.
#[tokio::test]
async fn several_authorities_may_be_configured_and_each_counts() {
    let mut authorities = Vec::new();
    for ordinal in [1, 0] {
        authorities.push(std::fs::read_to_string(ca_of(ordinal).await).unwrap().trim().to_owned());
    }

    let (status, body) = submit_with(&[("DB_TLS_CA", &authorities.join("\n"))]).await;

    assert_eq!(status, StatusCode::OK, "{body}");
    let run_together = vec![("DB_TLS_CA".to_owned(), authorities.concat())];
    let refused = shared().app_with(WRITE_APP, run_together).await.err().unwrap().to_string();
    assert!(refused.contains("DB_TLS_CA must be certificates in PEM"), "{refused}");
}

#[tokio::test]
async fn a_server_with_a_certificate_from_another_authority_is_refused_as_untrusted() {
    let (status, body) = submit_with(&[("DB_TLS_CA_FILE", &ca_of(1).await)]).await;

    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(body["code"], "database_untrusted", "{body}");
}

/// A server that learns this account refuses it.
#[tokio::test]
async fn an_untrusted_server_does_not_learn_the_account() {
    for (ordinal, code) in [(0, "database_access_denied"), (1, "database_untrusted")] {
        let variables = [("DB_TLS_CA_FILE", ca_of(ordinal).await), ("DB_USER", "stranger".into())];
        let variables = variables.each_ref().map(|(name, value)| (*name, value.as_str()));

        let (_, body) = submit_with(&variables).await;

        assert_eq!(body["code"], code, "{body}");
    }
}
