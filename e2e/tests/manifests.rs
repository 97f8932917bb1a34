//! Manifests, Dockerfiles, code and documents must agree where they state the same thing.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{collections::BTreeSet, path::Path};

use app_core::{
    config::{About, VARIABLES},
    mysql::budget,
};
use serde_json::Value;

const APPS: [(&About, &str, u64); 2] =
    [(&write_app::ABOUT, "Dockerfile.write", 30000), (&read_app::ABOUT, "Dockerfile.read", 30001)];

fn file(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The objects of one manifest.
fn objects(name: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&file(&format!("kubernetes/{name}.yaml"))).unwrap()
}

fn object(manifest: &str, kind: &str) -> Value {
    objects(manifest).into_iter().find(|object| object["kind"] == kind).unwrap()
}

fn container(workload: &Value) -> &Value {
    &workload["spec"]["template"]["spec"]["containers"][0]
}

fn environment(workload: &Value) -> Vec<(String, String)> {
    let variables = container(workload)["env"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    variables.map(|variable| (text(&variable["name"]), text(&variable["value"]))).collect()
}

#[test]
fn the_apps_ports_are_the_same_in_manifests_dockerfiles_and_code() {
    for (about, dockerfile, node_port) in APPS {
        let service = object(about.name, "Service");
        assert_eq!(service["metadata"]["name"], format!("{}-service", about.name));
        assert_eq!(service["spec"]["ports"][0]["nodePort"], node_port);
        let deployment = object(about.name, "Deployment");
        assert_eq!(container(&deployment)["ports"][0]["containerPort"], 5000);
        assert!(file(dockerfile).contains("\nEXPOSE 5000\n"), "{dockerfile}");
        let (other, ..) =
            APPS.into_iter().find(|(other, ..)| other.name == about.other_app).unwrap();
        assert_eq!(
            u64::from(other.other_app_port),
            node_port,
            "{} links to {}",
            other.name,
            about.name
        );
    }
}

#[test]
fn an_image_carries_the_version_of_the_code() {
    for (about, dockerfile, _) in APPS {
        let image = format!("{}:{}", about.name, about.version);
        assert_eq!(container(&object(about.name, "Deployment"))["image"], image);
        let label = format!("org.opencontainers.image.version=\"{}\"", about.version);
        assert!(file(dockerfile).contains(&label), "{dockerfile}");
        assert!(file("README.md").contains(&image), "README.md: {image}");
    }
}

#[test]
fn a_deployment_sets_only_variables_that_the_app_knows_and_agrees_with_its_defaults() {
    for (about, ..) in APPS {
        let variables = environment(&object(about.name, "Deployment"));
        for (name, _) in &variables {
            let known = VARIABLES
                .iter()
                .any(|variable| name.strip_suffix("_FILE").unwrap_or(name) == variable.name);
            assert!(known, "{}: {name}", about.name);
        }
        for (name, value) in
            [("DB_HOST", about.db_host), ("DB_USER", about.db_user), ("DB_NAME", "userdb")]
        {
            assert!(
                variables.contains(&(name.into(), value.into())),
                "{}: {name}={value}",
                about.name
            );
        }
    }
}

#[test]
fn the_connections_of_all_copies_of_both_apps_fit_into_max_connections() {
    let config = object("mysql-config", "ConfigMap");
    let server = config["data"]["server.cnf"].as_str().unwrap();
    let limit = server.lines().find_map(|line| line.trim().strip_prefix("max-connections = "));
    let shares = [budget::WRITE_APP, budget::READ_APP].map(u64::from);
    let apps: u64 = APPS
        .iter()
        .zip(shares)
        .map(|((about, ..), share)| {
            let copies = object(about.name, "Deployment")["spec"]["replicas"].as_u64().unwrap();
            // Where the Deployment says nothing else, a quarter more during a rollout, rounded up.
            (copies + copies.div_ceil(4)) * share
        })
        .sum();

    assert!(apps + u64::from(budget::OTHERS) <= limit.unwrap().parse().unwrap(), "{apps}");
    // Those of each replica and of its probe.
    let replicas = objects("mysql-statefulset")
        .iter()
        .find_map(|object| object["spec"]["replicas"].as_u64())
        .unwrap();
    assert!(2 * (replicas - 1) + 6 <= u64::from(budget::OTHERS), "{replicas} pods");
    let text = file("app-core/src/mysql/budget.rs");
    for share in [budget::WRITE_APP, budget::READ_APP] {
        assert!(text.contains(&format!("2 × {share}")), "the sum in its table: {share}");
    }
}

#[test]
fn the_secret_has_every_password_that_is_used_and_no_other() {
    let secret = object("mysql-credentials", "Secret");
    let given: BTreeSet<_> = secret["stringData"].as_object().unwrap().keys().cloned().collect();
    let used = ["repl", "appuser", "reader"].map(|account| format!("{account}-password"));
    assert_eq!(given, BTreeSet::from(used));
    for (about, ..) in APPS {
        let deployment = object(about.name, "Deployment");
        let key =
            &deployment["spec"]["template"]["spec"]["volumes"][0]["secret"]["items"][0]["key"];
        assert_eq!(key, &Value::from(format!("{}-password", about.db_user)));
    }
}

#[test]
fn both_services_select_the_same_pods_and_one_of_them_is_headless() {
    let services: Vec<_> = objects("mysql-statefulset")
        .into_iter()
        .filter(|object| object["kind"] == "Service")
        .collect();
    let [headless, cluster_ip] = services.as_slice() else { panic!("{} Services", services.len()) };
    assert_eq!(
        (&headless["metadata"]["name"], &headless["spec"]["clusterIP"]),
        (&"mysql".into(), &"None".into())
    );
    assert_eq!(
        (&cluster_ip["metadata"]["name"], &cluster_ip["spec"]["clusterIP"]),
        (&"mysql-read".into(), &Value::Null)
    );
    assert_eq!(headless["spec"]["selector"], cluster_ip["spec"]["selector"]);
    assert_eq!(headless["spec"]["ports"], cluster_ip["spec"]["ports"]);
}

#[test]
fn the_table_of_variables_in_the_documents_is_that_of_the_code() {
    let table = file("docs/configuration.md");
    for variable in VARIABLES {
        let row = format!("| `{}` | {} | {} |", variable.name, variable.meaning, variable.default);
        assert!(table.contains(&row), "docs/configuration.md lacks this row: {row}");
    }
    let is_variable = |line: &&str| {
        line.strip_prefix("| `")
            .is_some_and(|rest| rest.starts_with(|one: char| one.is_uppercase()))
    };
    assert_eq!(table.lines().filter(is_variable).count(), VARIABLES.len());
}

/// The MiB that all pods of these manifests request, or are limited to.
fn memory(which: &str) -> u64 {
    let workloads = ["mysql-statefulset", "write-app", "read-app"].into_iter().flat_map(objects);
    let with_pods = workloads.filter(|object| object["spec"]["template"].is_object());
    let each = with_pods.map(|workload| {
        let memory = &container(&workload)["resources"][which]["memory"];
        let mebibytes = memory.as_str().unwrap().strip_suffix("Mi").unwrap();
        workload["spec"]["replicas"].as_u64().unwrap() * mebibytes.parse::<u64>().unwrap()
    });
    each.sum()
}

#[test]
fn the_documents_say_how_much_memory_all_pods_take() {
    let setup = file("docs/setup.md");
    let [requests, limits] = ["requests", "limits"].map(memory);
    assert!(setup.contains(&format!("together request {requests} MiB")), "{requests}");
    assert!(setup.contains(&format!("limits add up to {limits} MiB")), "{limits}");
    let troubleshooting = file("docs/troubleshooting.md");
    assert!(troubleshooting.contains(&format!("and {requests}Mi of memory")), "{requests}");
}

#[test]
fn the_images_are_built_with_the_pinned_toolchain() {
    let toolchain: String = file("rust-toolchain.toml");
    for (_, dockerfile, _) in APPS {
        let dockerfile = file(dockerfile);
        let (_, rest) = dockerfile.split_once("\nFROM rust:").unwrap();
        let (version, _) = rest.split_once('-').unwrap();
        assert!(toolchain.contains(&format!("channel = \"{version}.")), "{version}");
    }
}

#[test]
fn mysql_may_use_only_the_pods_and_claims_that_its_scripts_ask_about() {
    let role = object("mysql-service-account", "Role");
    let named = |rule: usize| -> Vec<String> {
        let names = role["rules"][rule]["resourceNames"].as_array().unwrap().iter();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let pods = |first: u8| (first..=9).map(|ordinal| format!("mysql-{ordinal}"));

    assert_eq!(named(0), pods(0).collect::<Vec<_>>());
    assert_eq!(named(1), pods(0).map(|pod| format!("data-{pod}")).collect::<Vec<_>>());
    let scripts = file("kubernetes/mysql-scripts.yaml");
    assert!(scripts.contains("for n in {1..9}") && scripts.contains("for n in {0..9}"));
    let verbs = [["get"].as_slice(), &["get", "patch"]];
    for (rule, verbs) in role["rules"].as_array().unwrap().iter().zip(verbs) {
        assert_eq!(rule["verbs"], serde_json::json!(verbs));
    }
}

#[test]
fn the_mark_that_a_claim_is_made_with_is_the_one_that_mysql_asks_for_and_takes_away() {
    let stateful_set = object("mysql-statefulset", "StatefulSet");
    let marks = &stateful_set["spec"]["volumeClaimTemplates"][0]["metadata"]["annotations"];
    let mark = "headless-service-demo/never-had-data";
    assert_eq!(*marks, serde_json::json!({ mark: "true" }));
    let scripts = file("kubernetes/mysql-scripts.yaml");
    assert!(scripts.contains(&format!("    {mark}: ")), "shows_no_data");
    assert!(scripts.contains(&format!(r#""annotations":{{"{mark}":null}}"#)), "api_take_mark");
}

#[test]
fn the_page_says_how_long_the_primary_waits_for_a_replica() {
    let config = file("kubernetes/mysql-config.yaml");
    let (_, rest) = config.split_once("loose-rpl-semi-sync-source-timeout = ").unwrap();
    let milliseconds: u32 = rest.lines().next().unwrap().trim().parse().unwrap();

    let page = file("write-app/templates/registered.html");

    let sentence = format!("waited for one, for up to {}&nbsp;s.", milliseconds / 1000);
    assert!(page.contains(&sentence), "registered.html: {sentence}");
}

#[test]
fn every_row_of_the_table_of_states_has_a_test_and_is_in_bootstrap_sh() {
    let tests = ["states", "replication"].map(|name| file(&format!("e2e/tests/mysql/{name}.rs")));
    let tests = tests.concat();
    let named: Vec<&str> =
        tests.lines().filter_map(|line| line.strip_prefix("async fn row")).collect();
    let states = file("docs/mysql-states.md");
    let script = file("kubernetes/mysql-scripts.yaml");
    for row in 1..=13 {
        assert!(states.contains(&format!("\n| {row} | mysql-")), "docs/mysql-states.md: {row}");
        assert!(script.contains(&format!("\n    #   {row:>2}  mysql-")), "bootstrap.sh: {row}");
        let number = row.to_string();
        let tested = named.iter().any(|name| name.split('_').any(|word| word == number));
        assert!(tested, "no test is named for row {row}");
    }
    assert!(!states.contains("\n| 14 |"));
}

#[test]
fn the_kustomization_has_every_manifest() {
    let kustomization: Value = serde_saphyr::from_str(&file("kubernetes/Kustomization")).unwrap();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubernetes");
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let manifests: BTreeSet<_> = names
        .map(|name| name.into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();

    let resources = kustomization["resources"].as_array().unwrap().iter();

    assert_eq!(manifests, resources.map(|name| name.as_str().unwrap().to_owned()).collect());
}

#[test]
fn the_pods_mount_the_config_maps_that_the_folder_has_and_that_cannot_change() {
    let stateful_set = object("mysql-statefulset", "StatefulSet");
    let volumes = stateful_set["spec"]["template"]["spec"]["volumes"].as_array().unwrap();
    for manifest in ["mysql-config", "mysql-scripts"] {
        let config_map = object(manifest, "ConfigMap");
        let name = config_map["metadata"]["name"].as_str().unwrap();
        let number = name.strip_prefix(&format!("{manifest}-")).unwrap();
        assert!(number.parse::<u32>().is_ok(), "{name}");
        assert_eq!(config_map["immutable"], true, "{name}");
        let mounted = volumes.iter().filter(|volume| volume["configMap"]["name"] == name);
        assert_eq!(mounted.count(), 1, "the StatefulSet does not mount {name}");
    }
    let backup = file("kubernetes/backup/mysql-backup.yaml");
    let scripts = object("mysql-scripts", "ConfigMap");
    let name =
        format!("\n                name: {}\n", scripts["metadata"]["name"].as_str().unwrap());
    assert!(backup.contains(&name), "the backup's job does not mount {}", name.trim());
}
