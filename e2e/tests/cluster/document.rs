//! The commands of a document, run as they are printed.

use std::{path::Path, process::Command};

use tempfile::NamedTempFile;

use crate::kubectl::{NAMESPACE, kubectl, said};

/// Runs the blocks of a document that are marked with these tags, in the tests' namespace. Returns their output.
pub(crate) fn run(document: &str, tags: &[&str]) -> String {
    let kubeconfig = kubeconfig(NAMESPACE);
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/readme");
    let mut commands = Command::new(readme);
    commands.args(["--file", document]).args(tags).env("KUBECONFIG", kubeconfig.path());
    said(&commands.output().unwrap())
        .unwrap_or_else(|error| panic!("{document}, {tags:?}: {error}"))
}

/// A copy of KUBECONFIG with this namespace, since a document's commands name none.
pub(crate) fn kubeconfig(namespace: &str) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    std::fs::write(&file, kubectl(&["config", "view", "--raw", "--flatten", "--minify"])).unwrap();
    let path = format!("--kubeconfig={}", file.path().display());
    kubectl(&[&path, "config", "set-context", "--current", &format!("--namespace={namespace}")]);
    file
}
