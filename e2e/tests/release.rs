//! What a release has, made by `.ci/release` as the workflow makes it, and what the workflows may do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use e2e::documents::root;
use regex::Regex;
use serde_json::Value;

/// What a registry would answer: 64 hexadecimal digits.
const DIGEST: &str = "sha256:3f7b0c1d2e4a59687f6e5d4c3b2a19080f1e2d3c4b5a69788796a5b4c3d2e1f0";

/// Both images of a release.
fn images() -> [String; 2] {
    ["write-app", "read-app"].map(|app| format!("registry.test/ada/{app}@{DIGEST}"))
}

/// What `.ci/release` prints, or else what it says is wrong.
fn release(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(root().join(".ci/release")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Kubernetes' objects by kind and name.
fn objects(yaml: &str) -> BTreeMap<(String, String), Value> {
    // 0440 is 288, as Kubernetes reads it.
    let octal = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(yaml, octal).unwrap();
    let key = |object: &Value| {
        let [kind, name] = [&object["kind"], &object["metadata"]["name"]];
        (kind.as_str().unwrap().to_owned(), name.as_str().unwrap().to_owned())
    };
    documents.into_iter().map(|object| (key(&object), object)).collect()
}

/// The files of a folder with this extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect()
}

#[test]
fn install_yaml_is_all_of_the_manifests_with_the_apps_images_by_digest() {
    let [write, read] = images();
    let manifests: Vec<_> = files("kubernetes", "yaml");
    let mut expected = BTreeMap::new();
    for manifest in &manifests {
        expected.append(&mut objects(&fs::read_to_string(manifest).unwrap()));
    }
    for (app, image) in [("write-app", &write), ("read-app", &read)] {
        let deployment = expected.get_mut(&("Deployment".into(), app.into())).unwrap();
        deployment["spec"]["template"]["spec"]["containers"][0]["image"] = image.as_str().into();
    }

    let installed = objects(&release(&["install-yaml", &write, &read]).unwrap());

    assert!(installed.keys().eq(expected.keys()), "{:?}", installed.keys());
    for (key, object) in installed {
        assert_eq!(object, expected[&key], "{key:?}");
    }
}

#[test]
fn an_image_that_is_not_named_by_a_whole_digest_is_refused() {
    let [write, read] = images();
    let bare = read.split('@').next().unwrap();
    let wrong = [
        bare.to_owned(),
        format!("{bare}:0.1.0"),
        format!("{bare}@sha256:3f7b0c1d"),
        format!("{bare}@{}", DIGEST.to_uppercase()),
        format!("{bare}@{DIGEST}0"),
        DIGEST.to_owned(),
        read.replace("ada", "Ada"),
        read.replace("ada", "a\", digest: \"b"),
        String::new(),
    ];
    for image in &wrong {
        for arguments in [[&write, image], [image, &read]] {
            let said = release(&["install-yaml", arguments[0], arguments[1]]).unwrap_err();
            assert!(said.contains(&format!("{image} does not name an image by digest")), "{said}");
        }
    }
}

#[test]
fn only_the_tag_of_the_workspaces_version_is_released() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(release(&["version", &format!("v{version}")]).unwrap().trim(), version);
    let longer = [format!("v{version}-rc.1"), format!("v{version}.1"), format!("w{version}")];
    for tag in
        [version, "v0.0.9", "v99.0.0", "v", "latest", "*"].map(String::from).iter().chain(&longer)
    {
        let said = release(&["version", tag]).unwrap_err();
        assert!(said.contains(&format!("The tag {tag} is not the workspace's version")), "{said}");
        assert!(said.contains(&format!("tag v{version}")), "{said}");
    }
}

/// The values of a key, at any depth.
fn values<'a>(document: &'a Value, key: &str) -> Vec<&'a Value> {
    let here = document.get(key);
    let below: Vec<&Value> = match document {
        Value::Object(fields) => fields.values().collect(),
        Value::Array(items) => items.iter().collect(),
        _ => Vec::new(),
    };
    here.into_iter().chain(below.into_iter().flat_map(|value| values(value, key))).collect()
}

#[test]
fn a_workflow_names_actions_by_commit_and_may_do_only_what_it_needs() {
    let by_commit =
        Regex::new(r"^(\./\.github/workflows/.+\.yml|actions/[a-z-]+@[0-9a-f]{40})$").unwrap();
    let workflows = files(".github/workflows", "yml");
    assert_eq!(workflows.len(), 2);
    for path in workflows {
        let text = fs::read_to_string(&path).unwrap();
        let workflow: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(workflow["permissions"], serde_json::json!({ "contents": "read" }));
        assert!(!text.contains("secrets."), "{}", path.display());
        for uses in values(&workflow, "uses") {
            assert!(by_commit.is_match(uses.as_str().unwrap()), "{}: {uses}", path.display());
        }
        for job in workflow["jobs"].as_object().unwrap().values() {
            assert!(job["timeout-minutes"].is_u64() || job["uses"].is_string(), "{job}");
        }
    }
}
