//! New passwords under load, by the commands of docs/credentials.md.

use std::{
    sync::{Arc, Weak},
    thread,
};

use testbed::manifests::Files;

use crate::{
    deployment::deployment,
    document,
    kubectl::{kubectl, try_sql},
    registration::{new_email, try_register, users, wait_for_node_ports},
};

/// Asks over and over while it may; how often it did, and what failed.
fn ask<T>(running: &Weak<()>, mut ask: impl FnMut() -> Result<T, String>) -> (u32, Vec<String>) {
    let (mut asked, mut failures) = (0, Vec::new());
    while running.strong_count() > 0 {
        asked += 1;
        failures.extend(ask().err());
    }
    (asked, failures)
}

fn second_passwords() -> String {
    let with_two = "SELECT COUNT(*) FROM mysql.user WHERE user_attributes->'$.additional_password' IS NOT NULL";
    try_sql("mysql-0", with_two).unwrap()
}

/// The manifest's passwords again: other tests apply it.
fn put_back() {
    for account in ["appuser", "reader"] {
        let files = Files::mysql_credentials().unwrap();
        let password = files.get(&format!("{account}-password")).unwrap();
        let sql = format!("ALTER USER {account} IDENTIFIED BY '{password}'");
        try_sql("mysql-0", &sql).unwrap();
    }
    let secret = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes/mysql-credentials.yaml");
    kubectl(&["apply", "--filename", secret]);
    kubectl(&["rollout", "restart", "deployment/write-app", "deployment/read-app"]);
    for app in ["write-app", "read-app"] {
        kubectl(&["rollout", "status", &format!("deployment/{app}"), "--timeout=60s"]);
    }
    wait_for_node_ports();
}

#[test]
fn the_apps_get_new_passwords_and_no_request_fails() {
    let _turn = deployment();
    let running = Arc::new(());
    let [to_write, to_read] = [(); 2].map(|()| Arc::downgrade(&running));
    let writes = thread::spawn(move || ask(&to_write, || try_register(&new_email())));
    let reads = thread::spawn(move || ask(&to_read, users));

    document::run("docs/credentials.md", &["apps"]);

    drop(running);
    for (what, load) in [("registrations", writes), ("lists of users", reads)] {
        let (asked, failures) = load.join().unwrap();
        println!("figure: {asked} {what} while the passwords changed, {} failed", failures.len());
        assert!(asked > 10 && failures.is_empty(), "{what}: {failures:?}");
    }
    assert_eq!(second_passwords(), "0");
    put_back();
}
