//! The faults that `docs/troubleshooting.md` explains: each shows the message that the page quotes.

use serde_json::json;

use crate::{
    deployment::deployment,
    kubectl::{kubectl, try_kubectl, try_kubectl_with_input, until},
    network::start_pod,
    platforms::{Namespace, objects},
};

/// A message that the page must quote.
pub(crate) fn quoted(message: &str) -> &str {
    let page = include_str!("../../../docs/troubleshooting.md");
    // Lines of the page are broken anywhere.
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(page.contains(message), "docs/troubleshooting.md does not quote: {message}");
    message
}

impl Namespace {
    /// Waits until the events or the pods of the namespace show all of these.
    fn shows(&self, messages: &[&str]) {
        for message in messages {
            quoted(message);
            until(message, || {
                let said = self.try_kubectl(&["get", "events,pods", "--output=yaml"])?;
                // A long line of YAML is folded.
                let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
                if said.contains(message) { Ok(()) } else { Err(said) }
            });
        }
    }
}

#[test]
fn pods_without_a_secret_or_a_volume_show_what_the_page_quotes() {
    let _turn = deployment();
    let namespace = Namespace::create("headless-demo-lacking");
    let mut objects = objects("kubernetes");
    objects.retain(|one| one["kind"] != "Secret");
    let stateful_set = objects.iter_mut().find(|one| one["kind"] == "StatefulSet").unwrap();
    // As on a cluster without a default class.
    stateful_set["spec"]["volumeClaimTemplates"][0]["spec"]["storageClassName"] = json!("");

    namespace.apply(&objects);

    namespace.shows(&[
        r#"secret "mysql-credentials" not found"#,
        "unbound immediate PersistentVolumeClaims",
    ]);
    namespace.delete();
}

#[test]
fn pods_that_cannot_be_started_show_what_the_page_quotes() {
    let _turn = deployment();
    let namespace = Namespace::create("headless-demo-wrong");
    // This cluster sets no user id, so MySQL would run as root.
    let mut objects = objects("overlays/openshift");
    for object in &mut objects {
        let name = object["metadata"]["name"].clone();
        if let Some(container) = object.pointer_mut("/spec/template/spec/containers/0") {
            match name.as_str() {
                Some("write-app") => container["image"] = json!("write-app:not-loaded"),
                Some("read-app") => {
                    container["resources"] = json!({ "requests": { "memory": "1000Gi" } });
                }
                _ => {}
            }
        }
    }

    namespace.apply(&objects);

    namespace.shows(&[
        "ErrImagePull",
        "ImagePullBackOff",
        "Insufficient memory",
        "CreateContainerConfigError",
        "container has runAsNonRoot and image will run as root",
    ]);
    namespace.delete();
}

#[test]
fn a_node_port_that_is_taken_and_a_client_without_the_label_show_what_the_page_quotes() {
    let _turn = deployment();
    let service = json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "second" },
        "spec": { "type": "NodePort", "ports": [{ "port": 80, "nodePort": 30000 }] } });
    let create = ["create", "--dry-run=server", "--filename=-"];
    let refusal = try_kubectl_with_input(&create, &service.to_string()).unwrap_err();
    assert!(refusal.contains(quoted("provided port is already allocated")), "{refusal}");

    start_pod("stranger", "app.kubernetes.io/name=stranger");
    let client = ["mysql", "-h", "mysql-read", "-ureader", "--connect-timeout=3"];
    let silence = quoted("Can't connect to MySQL server on 'mysql-read:3306' (110)");
    until("the client to give up", || {
        match try_kubectl(&[&["exec", "stranger", "--"], &client[..]].concat()) {
            Err(reason) if reason.contains(silence) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
    kubectl(&["delete", "pod", "stranger"]);
}
