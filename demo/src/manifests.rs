//! The manifests that the demo uses: MySQL's settings, scripts and passwords. They are compiled in, so that the
//! demo runs in any folder.

use std::{collections::BTreeMap, io, path::Path};

use anyhow::Context as _;
use serde::Deserialize;

const MYSQL_CONFIG: &str = include_str!("../../kubernetes/mysql-config.yaml");
const MYSQL_SCRIPTS: &str = include_str!("../../kubernetes/mysql-scripts.yaml");
const MYSQL_CREDENTIALS: &str = include_str!("../../kubernetes/mysql-credentials.yaml");
const MYSQL_BACKUP: &str = include_str!("../../kubernetes/backup/mysql-backup.yaml");

/// The files of one ConfigMap or Secret, by name.
#[derive(Clone, Debug)]
pub struct Files(BTreeMap<String, String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    #[serde(default)]
    data: BTreeMap<String, String>,
    #[serde(default)]
    string_data: BTreeMap<String, String>,
}

impl Files {
    /// The ConfigMap of `mysql-config.yaml`: the parts of my.cnf.
    pub(crate) fn mysql_config() -> anyhow::Result<Self> {
        Self::read(MYSQL_CONFIG).context("kubernetes/mysql-config.yaml")
    }

    /// The ConfigMap of `mysql-scripts.yaml`: bootstrap.sh, the probes and what they need.
    ///
    /// # Errors
    ///
    /// If the file is not the YAML of a ConfigMap.
    pub fn mysql_scripts() -> anyhow::Result<Self> {
        Self::read(MYSQL_SCRIPTS).context("kubernetes/mysql-scripts.yaml")
    }

    /// The Secret `mysql-credentials`: one file for each password.
    ///
    /// # Errors
    ///
    /// If the file is not the YAML of a Secret.
    pub fn mysql_credentials() -> anyhow::Result<Self> {
        Self::read(MYSQL_CREDENTIALS).context("kubernetes/mysql-credentials.yaml")
    }

    fn read(yaml: &str) -> anyhow::Result<Self> {
        let Manifest { mut data, string_data } = serde_saphyr::from_str(yaml)?;
        data.extend(string_data);
        Ok(Self(data))
    }

    /// The same files, but one with this content.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.to_owned());
        self
    }

    /// The ConfigMap `mysql-backup`: the script of the backup job.
    ///
    /// # Errors
    ///
    /// If the file is not the YAML of a ConfigMap.
    pub fn mysql_backup() -> anyhow::Result<Self> {
        let first = MYSQL_BACKUP.split("\n---\n").next().unwrap_or_default();
        Self::read(first).context("kubernetes/backup/mysql-backup.yaml")
    }

    /// The content of one file.
    ///
    /// # Errors
    ///
    /// If there is no file with this name.
    pub fn get(&self, name: &str) -> anyhow::Result<&str> {
        self.0.get(name).map(String::as_str).with_context(|| format!("the manifest has no {name}"))
    }

    /// Writes every file into `folder`, where the kubelet would mount them.
    ///
    /// # Errors
    ///
    /// If the folder cannot be made, or a file cannot be written.
    pub fn mount(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.0.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }
}
