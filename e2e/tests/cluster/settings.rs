//! A change of MySQL's settings, and the way back.

use std::fs;

use crate::{
    deployment::{deployment, with_impatient_liveness},
    kubectl::{kubectl, sql, try_kubectl_with_input, wait_for_ready_pods, wait_for_rollout},
    registration::{new_email, register},
    scenario::Scenario,
};

fn manifest(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../kubernetes");
    fs::read_to_string(format!("{folder}/{name}.yaml")).unwrap()
}

fn apply(manifest: &str) -> Result<String, String> {
    try_kubectl_with_input(&["apply", "--filename=-"], manifest)
}

/// `text` with one part replaced, which it must contain.
fn edited(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replace(from, to)
}

fn max_connections() -> [String; 2] {
    ["mysql-0", "mysql-1"].map(|pod| sql(pod, "SELECT @@max_connections"))
}

#[test]
fn a_changed_setting_is_refused_under_the_same_name_and_rolls_out_and_back_under_the_next() {
    let _turn = deployment();
    let scenario = Scenario::begin("setting changed, and back");
    let settings =
        edited(&manifest("mysql-config"), "max-connections = 100", "max-connections = 90");

    let refusal = apply(&settings).unwrap_err();

    let immutable =
        r#"The ConfigMap "mysql-config-1" is invalid: data: Forbidden: field is immutable"#;
    assert!(refusal.contains(immutable), "{refusal}");

    apply(&edited(&settings, "name: mysql-config-1", "name: mysql-config-2")).unwrap();
    let stateful_set = with_impatient_liveness(manifest("mysql-statefulset"));
    apply(&edited(&stateful_set, "name: mysql-config-1", "name: mysql-config-2")).unwrap();
    wait_for_rollout(&["statefulset/mysql"]);
    assert_eq!(max_connections(), ["90", "90"]);
    wait_for_ready_pods(2);
    register(&new_email());

    kubectl(&["rollout", "undo", "statefulset/mysql"]);
    wait_for_rollout(&["statefulset/mysql"]);
    assert_eq!(max_connections(), ["100", "100"]);

    kubectl(&["delete", "configmap", "mysql-config-2"]);
    apply(&stateful_set).unwrap();
    let outcome = scenario.heal(2);
    outcome.assert_reads_went_on();
}
