//! Registering and reading, through the apps' NodePorts.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    clients::{answer, client, node_port},
    deployment::deployment,
    kubectl::{try_sql, until},
};

/// An email that is new to the cluster.
pub(crate) fn new_email() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Registers through write-app's NodePort, once.
pub(crate) fn try_register(email: &str) -> Result<Value, String> {
    let body = json!({ "name": "Ada", "email": email });
    let request = client().post(node_port(30000, "/submit")).json(&body);
    let (status, body) = answer(request)?;
    if status == StatusCode::OK { Ok(body) } else { Err(format!("{status}: {body}")) }
}

/// Registers through write-app's NodePort; it must succeed.
pub(crate) fn register(email: &str) -> Value {
    try_register(email).unwrap_or_else(|error| panic!("{email} was not registered: {error}"))
}

/// Waits for a registration that a replica has stored. A commit without that is on one volume only, so a test that
/// takes this volume away begins here. The status variable of the server does not tell: it is ON after a start,
/// until the first commit has waited for a replica that is not there.
pub(crate) fn wait_until_a_replica_acknowledges() {
    until("a registration that a replica has too", || {
        let registered = try_register(&new_email())?;
        if registered["acknowledged"] == true { Ok(()) } else { Err(registered.to_string()) }
    });
}

/// The JSON at this path of read-app's NodePort.
pub(crate) fn get(path: &str) -> Result<Value, String> {
    let (status, body) = answer(client().get(node_port(30001, path)))?;
    if status == StatusCode::OK { Ok(body) } else { Err(format!("{status}: {body}")) }
}

/// The users, as read-app lists them.
pub(crate) fn users() -> Result<Value, String> {
    get("/users")
}

/// Waits until a pod has the user.
pub(crate) fn wait_for_user(pod: &str, email: &str) {
    let sql = format!("SELECT COUNT(*) FROM userdb.users WHERE email = '{email}'");
    until(&format!("{email} on {pod}"), || match try_sql(pod, &sql)?.as_str() {
        "1" => Ok(()),
        other => Err(format!("{other} rows")),
    });
}

#[test]
fn a_user_registered_on_the_primary_is_read_back_from_every_pod() {
    let _turn = deployment();
    let email = new_email();

    let registered = register(&email);

    assert_eq!(registered["pod"], "mysql-0");
    let mut pods = BTreeSet::new();
    until("an answer with the new user from each of the two pods", || {
        let body = users()?;
        let known =
            body["users"].as_array().unwrap().iter().any(|user| user["email"] == email.as_str());
        if known {
            pods.insert(body["mysql_pod"].as_str().unwrap().to_owned());
        }
        if pods.len() == 2 { Ok(()) } else { Err(format!("{pods:?}")) }
    });
    assert_eq!(pods, BTreeSet::from(["mysql-0".to_owned(), "mysql-1".to_owned()]));
}

#[test]
fn a_replica_refuses_a_write_even_from_its_administrator() {
    let _turn = deployment();

    let refusal = try_sql("mysql-1", "CREATE DATABASE errant").unwrap_err();

    assert!(refusal.contains("ERROR 1290") && refusal.contains("super-read-only"), "{refusal}");
}
