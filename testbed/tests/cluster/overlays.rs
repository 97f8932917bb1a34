//! `kubectl apply -k`: the folder with something changed, in another namespace.

use reqwest::StatusCode;
use serde_json::json;

use crate::{
    clients::{answer, client, node_port},
    deployment::deployment,
    kubectl::{kubectl, timeout, until},
    registration::new_email,
};

/// kubectl takes the last namespace that it is given.
const IN_SECOND_CLASS: &str = "--namespace=second-class";

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../overlays/second-class");

#[test]
fn a_second_class_has_its_own_users_on_three_pods() {
    let _turn = deployment();

    kubectl(&["apply", IN_SECOND_CLASS, "--kustomize", FOLDER]);
    for workload in ["statefulset/mysql", "deployment/write-app", "deployment/read-app"] {
        kubectl(&["rollout", "status", IN_SECOND_CLASS, workload, &timeout()]);
    }

    let (email, there) = (new_email(), "--output=jsonpath={.status.readyReplicas}");
    let body = json!({ "name": "Ada", "email": email });
    until("a registration in the second class", || {
        match answer(client().post(node_port(30002, "/submit")).json(&body))? {
            // Where the answer to an earlier attempt got lost.
            (StatusCode::OK | StatusCode::CONFLICT, _) => Ok(()),
            (status, body) => Err(format!("{status}: {body}")),
        }
    });
    let ready = kubectl(&["get", IN_SECOND_CLASS, "statefulset/mysql", there]);
    assert_eq!(ready, "3");
    until("that user, and no other", || {
        let (_, read) = answer(client().get(node_port(30003, "/users")))?;
        let emails: Vec<_> =
            read["users"].as_array().into_iter().flatten().map(|user| &user["email"]).collect();
        if emails == [&json!(email)] { Ok(()) } else { Err(read.to_string()) }
    });
    kubectl(&["delete", IN_SECOND_CLASS, "--kustomize", FOLDER, &timeout()]);
}
