//! What every cluster must show, whatever its addresses, its DNS and its proxy are. `.ci/run variants` runs this on
//! clusters with IPv6 alone, with both families, with nftables, and with another cluster domain.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    clients::{client, node_port, wait_for_node_ports},
    deployment::deployment,
    kubectl::{field, kubectl, until, wait_for_ready_pods},
    registration::{get, new_email, try_register, wait_until_a_replica_acknowledges},
};

const PODS: [&str; 2] = ["mysql-0", "mysql-1"];

/// Registers a user, and reads the user back from both pods through each Service.
fn register_and_read_from_every_pod() {
    let email = new_email();
    until("a registration", || try_register(&email).or_else(taken_is_done));
    for via in ["mysql-read", "mysql"] {
        let mut pods = BTreeSet::new();
        until(&format!("{email} from both pods through {via}"), || {
            let body = get(&format!("/users?via={via}&with=new&strategy=random"))?;
            let users = body["users"].as_array().unwrap();
            if users.iter().any(|user| user["email"] == email.as_str()) {
                pods.insert(body["mysql_pod"].as_str().unwrap().to_owned());
            }
            if pods.len() == 2 { Ok(()) } else { Err(format!("{pods:?}")) }
        });
    }
}

/// The answer to an earlier attempt was lost.
fn taken_is_done(error: String) -> Result<Value, String> {
    if error.starts_with("409") { Ok(Value::Null) } else { Err(error) }
}

/// All addresses of both pods, as Kubernetes has them: one or two for each.
fn pod_addresses() -> BTreeSet<String> {
    let of = |pod: &str| field(&format!("pod/{pod}"), ".status.podIPs[*].ip");
    let all = PODS.map(of).join(" ");
    all.split_whitespace().map(str::to_owned).collect()
}

/// Waits until the headless name answers with every address of both pods, and each pod is listed once.
fn wait_until_names_show_every_address() {
    let expected = pod_addresses();
    until(&format!("mysql to answer with {expected:?}"), || {
        let names = get("/names")?;
        let records = names["answers"][0]["records"].as_array().unwrap().iter();
        let shown: BTreeSet<_> =
            records.map(|record| record["value"].as_str().unwrap().to_owned()).collect();
        if shown == expected { Ok(()) } else { Err(names.to_string()) }
    });
    until("each pod once", || {
        let pods = get("/pods")?;
        let names: Vec<_> =
            pods["pods"].as_array().unwrap().iter().map(|pod| pod["name"].as_str()).collect();
        if names == PODS.map(Some) { Ok(()) } else { Err(pods.to_string()) }
    });
}

/// On read-app's page, each address has the pod that it belongs to beside it.
fn assert_the_page_names_the_pod_of_every_address() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let page = runtime.block_on(async {
        let request = client().get(node_port(30001, "/")).header("accept", "text/html");
        request.send().await.unwrap().text().await.unwrap()
    });
    for address in pod_addresses() {
        let row = page.lines().find(|line| line.contains(&format!("<code>{address}</code>")));
        let row = row.unwrap_or_else(|| panic!("no {address} in {page}"));
        assert!(row.contains(">mysql-"), "{row}");
    }
}

#[test]
fn both_apps_and_both_services_work_through_the_life_of_each_pod() {
    let _turn = deployment();
    register_and_read_from_every_pod();
    wait_until_names_show_every_address();
    assert_the_page_names_the_pod_of_every_address();

    for pod in PODS {
        kubectl(&["delete", "pod", pod]);
        wait_for_ready_pods(2);
        wait_for_node_ports();
        register_and_read_from_every_pod();
        wait_until_names_show_every_address();
    }

    // A lost volume is rebuilt from the replica, whatever the replica's address looks like.
    wait_until_a_replica_acknowledges();
    kubectl(&["delete", "pvc/data-mysql-0", "pod/mysql-0"]);
    wait_for_ready_pods(2);
    let log = kubectl(&["logs", "mysql-0"]);
    assert!(log.contains("rebuilding the primary from mysql-1"), "{log}");
    register_and_read_from_every_pod();
}
