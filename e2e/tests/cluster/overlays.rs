//! `kubectl apply -k`: the folder with something changed.

use std::{fs, path::PathBuf};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::{
    clients::{answer, client, node_port},
    deployment::deployment,
    kubectl::{kubectl, timeout, until},
    registration::new_email,
};

/// kubectl takes the last namespace that it is given.
const IN_SECOND_COPY: &str = "--namespace=second-copy";

const OVERLAYS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../overlays");

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../overlays/second-copy");

#[test]
fn a_second_copy_has_its_own_users_on_three_pods() {
    let _turn = deployment();

    kubectl(&["apply", IN_SECOND_COPY, "--kustomize", FOLDER]);
    for workload in ["statefulset/mysql", "deployment/write-app", "deployment/read-app"] {
        kubectl(&["rollout", "status", IN_SECOND_COPY, workload, &timeout()]);
    }

    let (email, there) = (new_email(), "--output=jsonpath={.status.readyReplicas}");
    let body = json!({ "name": "Ada", "email": email });
    until("a registration in the second copy", || {
        match answer(client().post(node_port(30002, "/submit")).json(&body))? {
            // The answer to an earlier attempt was lost.
            (StatusCode::OK | StatusCode::CONFLICT, _) => Ok(()),
            (status, body) => Err(format!("{status}: {body}")),
        }
    });
    let ready = kubectl(&["get", IN_SECOND_COPY, "statefulset/mysql", there]);
    assert_eq!(ready, "3");
    until("that user, and no other", || {
        let (_, read) = answer(client().get(node_port(30003, "/users")))?;
        let emails: Vec<_> =
            read["users"].as_array().into_iter().flatten().map(|user| &user["email"]).collect();
        if emails == [&json!(email)] { Ok(()) } else { Err(read.to_string()) }
    });
    kubectl(&["delete", IN_SECOND_COPY, "--kustomize", FOLDER, &timeout()]);
}

/// The overlays that change the class of MySQL's volumes.
fn storage_overlays() -> Vec<PathBuf> {
    let entries = fs::read_dir(OVERLAYS).unwrap().map(|entry| entry.unwrap());
    let is_storage =
        |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("storage-");
    entries.filter(is_storage).map(|entry| entry.path()).collect()
}

#[test]
fn the_api_server_takes_each_storage_overlay_and_the_class_that_it_names_waits_for_a_pod() {
    // In another namespace: the volume class of an existing StatefulSet cannot be changed.
    let namespace = "headless-demo-storage";
    let there = format!("--namespace={namespace}");
    kubectl(&["delete", "namespace", namespace, "--ignore-not-found", &timeout()]);
    kubectl(&["create", "namespace", namespace]);

    let overlays = storage_overlays();
    assert!(overlays.len() >= 5, "{overlays:?}");
    for overlay in overlays {
        // Without the apps, whose NodePorts may be taken, and which have no volumes.
        let mysql = "--selector=app.kubernetes.io/name=mysql";
        let folder = overlay.to_str().unwrap();
        let options = ["--dry-run=server", "--output=json", mysql, &there];
        let taken = kubectl(&[&["apply", "--kustomize", folder], &options[..]].concat());

        let taken: Value = serde_json::from_str(&taken).unwrap();
        let objects = taken["items"].as_array().unwrap();
        let find = |kind: &str, named: &dyn Fn(&Value) -> bool| {
            let found = objects.iter().find(|one| one["kind"] == kind && named(&one["metadata"]));
            found.unwrap_or_else(|| panic!("{folder}: no such {kind}: {taken:#}"))
        };
        let claims = &find("StatefulSet", &|_| true)["spec"]["volumeClaimTemplates"][0];
        let class =
            find("StorageClass", &|about| about["name"] == claims["spec"]["storageClassName"]);
        assert_eq!(class["volumeBindingMode"], "WaitForFirstConsumer", "{folder}");
    }
    kubectl(&["delete", "namespace", namespace, &timeout()]);
}
