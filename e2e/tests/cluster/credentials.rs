//! New passwords under traffic, by the commands of docs/credentials.md.

use std::{thread, time::Duration};

use demo::manifests::Files;

use crate::{
    deployment::{APPS, deployment, restart_apps},
    document,
    kubectl::{kubectl, sql, until, wait_for_ready_pods},
    pods_deleted::replace,
    scenario::Scenario,
};

/// How many accounts have two passwords.
fn second_passwords() -> String {
    let with_two = "SELECT COUNT(*) FROM mysql.user WHERE user_attributes->'$.additional_password' IS NOT NULL";
    sql("mysql-0", with_two)
}

/// Sets the passwords of the manifest again, since other tests apply it. MySQL accepts both passwords until the
/// apps have read theirs.
fn put_back(accounts: &[&str]) {
    for account in accounts {
        let files = Files::mysql_credentials().unwrap();
        let password = files.get(&format!("{account}-password")).unwrap();
        let second =
            format!("ALTER USER {account} IDENTIFIED BY '{password}' RETAIN CURRENT PASSWORD");
        sql("mysql-0", &second);
    }
    let secret = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes/mysql-credentials.yaml");
    kubectl(&["apply", "--filename", secret]);
}

/// Waits until each app has logged that its password has changed.
fn wait_for_changes() {
    for app in APPS {
        until("the app to read a new password", || {
            let log = kubectl(&["logs", app, "--tail=-1"]);
            let seen = log.matches("DB_PASSWORD_FILE has changed").count();
            if seen == 1 { Ok(()) } else { Err(format!("{app}: {seen} times")) }
        });
    }
}

/// Does something while the kubelet synchronises the apps' pods often.
///
/// The kubelet mounts a changed Secret when it next synchronises a pod: within a minute or so, and at once when
/// the pod's own object changes. So an annotation that no program reads changes every two seconds.
fn while_the_kubelet_is_hastened<T>(work: impl FnOnce() -> T + Send) -> T
where
    T: Send,
{
    thread::scope(|scope| {
        let work = scope.spawn(work);
        let apps = "--selector=app.kubernetes.io/name in (write-app, read-app)";
        for number in 0.. {
            if work.is_finished() {
                break;
            }
            kubectl(&["annotate", "pods", apps, "--overwrite", &format!("synchronised={number}")]);
            thread::sleep(Duration::from_secs(2));
        }
        work.join().unwrap()
    })
}

/// The apps' pods, each with how often it was started.
fn pods_of_apps() -> String {
    let apps = "--selector=app.kubernetes.io/name in (write-app, read-app)";
    let each =
        "{range .items[*]}{.metadata.uid} {.status.containerStatuses[0].restartCount}\n{end}";
    kubectl(&["get", "pods", apps, &format!("--output=jsonpath={each}")])
}

#[test]
fn the_apps_get_new_passwords_and_no_request_fails() {
    let _turn = deployment();
    // The logs of new pods mention no change yet.
    restart_apps();
    let pods = pods_of_apps();
    let scenario = Scenario::begin("new passwords for the apps");

    while_the_kubelet_is_hastened(|| document::run("docs/credentials.md", &["apps"]));

    let outcome = scenario.heal(2);
    assert_eq!(second_passwords(), "0");
    assert_eq!(pods_of_apps(), pods, "no app was restarted");
    wait_for_changes();
    put_back(&["appuser", "reader"]);
    // A new pod mounts the Secret as it is now, without waiting for the kubelet.
    restart_apps();
    sql(
        "mysql-0",
        "ALTER USER appuser DISCARD OLD PASSWORD; ALTER USER reader DISCARD OLD PASSWORD",
    );
    outcome.assert_no_request_failed();
}

#[test]
fn replication_gets_a_new_password_and_no_request_fails() {
    let _turn = deployment();
    let scenario = Scenario::begin("a new password for replication");

    let said = document::run("docs/credentials.md", &["repl"]);

    let outcome = scenario.heal(2);
    assert_eq!(said.matches("Running: Yes").count(), 2, "{said}");
    assert_eq!(second_passwords(), "0");
    put_back(&["repl"]);
    sql("mysql-0", "ALTER USER repl DISCARD OLD PASSWORD");
    replace("mysql-1");
    wait_for_ready_pods(2);
    outcome.assert_no_request_failed();
}
