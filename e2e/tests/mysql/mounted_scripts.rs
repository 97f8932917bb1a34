//! The scripts of a MySQL pod, with the Secret and an empty volume beside them, as a pod has them mounted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use demo::manifests::Files;
use tempfile::TempDir;

/// The folder with all of it. No server runs, and there is no service account.
pub(crate) struct MountedScripts(TempDir);

impl MountedScripts {
    pub(crate) fn new() -> Self {
        let mounted = Self(tempfile::tempdir().unwrap());
        Files::mysql_scripts().unwrap().mount(mounted.folder()).unwrap();
        Files::mysql_credentials().unwrap().mount(&mounted.credentials()).unwrap();
        fs::create_dir(mounted.volume()).unwrap();
        mounted
    }

    pub(crate) fn folder(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn credentials(&self) -> PathBuf {
        self.folder().join("credentials")
    }

    pub(crate) fn volume(&self) -> PathBuf {
        self.folder().join("volume")
    }

    /// Runs bash in the folder, with the environment of mysql-0.
    pub(crate) fn bash(&self, arguments: &[&str]) -> Output {
        Command::new("bash")
            .args(arguments)
            .current_dir(self.folder())
            .env("POD_NAME", "mysql-0")
            .env("MYSQL_VOLUME", self.volume())
            .env("MYSQL_RUN", self.folder())
            .env("MYSQL_CREDENTIALS", self.credentials())
            .env("MYSQL_SERVICE_ACCOUNT", "/nowhere")
            .output()
            .unwrap()
    }
}
