//! A backup and its restore, by the commands of docs/backup.md.

use std::time::Instant;

use crate::{
    clients::wait_for_node_ports,
    deployment::{apply_as_these_tests_need_it, deployment},
    document,
    kubectl::{kubectl, try_sql, until},
    registration::{new_email, register, try_register, users},
};

const PODS: [&str; 2] = ["mysql-0", "mysql-1"];

fn commands(tags: &[&str]) -> String {
    document::run("docs/backup.md", tags)
}

/// The checksum of the table: two different contents have different checksums.
fn checksum(pod: &str) -> Result<String, String> {
    try_sql(pod, "CHECKSUM TABLE userdb.users")
}

fn server(pod: &str) -> String {
    try_sql(pod, "SELECT @@server_uuid").unwrap()
}

/// How many of these users a pod has.
fn count(pod: &str, emails: &[String]) -> String {
    let emails = emails.join("', '");
    let sql = format!("SELECT COUNT(*) FROM userdb.users WHERE email IN ('{emails}')");
    try_sql(pod, &sql).unwrap()
}

/// Deletes everything in kubernetes/backup, and waits until the jobs' pods are gone.
fn take_down() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes/backup");
    kubectl(&["delete", "--filename", folder]);
    let selector = "--selector=app.kubernetes.io/name=mysql-backup";
    until("the jobs' pods to be gone", || {
        let pods = kubectl(&["get", "pods", "--output=name", selector]);
        if pods.is_empty() { Ok(()) } else { Err(pods) }
    });
}

#[test]
fn a_backup_brings_every_user_that_it_has_into_a_fresh_cluster() {
    let _turn = deployment();
    let before: Vec<_> = std::iter::repeat_with(new_email).take(20).collect();
    before.iter().for_each(|email| drop(register(email)));
    let (saved, old_servers) = (checksum("mysql-0").unwrap(), PODS.map(server));

    let log = commands(&["backup", "now"]);
    assert!(log.contains("mysql-1.mysql had all of its transactions"), "{log}");
    let too_late = new_email();
    register(&too_late);
    let backup = commands(&["fetch", "empty"]);
    assert!(backup.contains("-- Backup of userdb from mysql-1"), "{backup}");
    let start = Instant::now();
    let restored = commands(&["restore"]);
    println!("figure: restored {:.1} s after the apply", start.elapsed().as_secs_f64());

    assert!(restored.contains("userdb is restored: from mysql-1"), "{restored}");
    for (pod, old_server) in PODS.iter().zip(old_servers) {
        assert_ne!(server(pod), old_server, "{pod} is not fresh");
        until(&format!("{pod} to have what was saved"), || match checksum(pod)? {
            same if same == saved => Ok(()),
            other => Err(format!("{other} instead of {saved}")),
        });
        assert_eq!(count(pod, &before), "20");
        assert_eq!(count(pod, std::slice::from_ref(&too_late)), "0");
    }
    registration_goes_on(&commands(&["compare", "last"]));
    take_down();
    // The document's commands have applied the folder unchanged.
    apply_as_these_tests_need_it();
}

fn registration_goes_on(compared: &str) {
    println!("the document's comparison: {compared}");
    wait_for_node_ports();
    until("registration to work again", || try_register(&new_email()));
    until("read-app to work again", users);
}
