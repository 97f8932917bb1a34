//! What the files in `kubernetes/` say. They are compiled in, so that a demo runs from any folder.

use std::{collections::BTreeMap, io, path::Path};

use anyhow::Context as _;
use serde::Deserialize;

const MYSQL_CONFIG: &str = include_str!("../../kubernetes/mysql-config.yaml");
const MYSQL_SCRIPTS: &str = include_str!("../../kubernetes/mysql-scripts.yaml");
const MYSQL_CREDENTIALS: &str = include_str!("../../kubernetes/mysql-credentials.yaml");

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
    /// The ConfigMap `mysql-config`: the parts of my.cnf.
    ///
    /// # Errors
    ///
    /// Where the file is not the YAML of a ConfigMap.
    pub fn mysql_config() -> anyhow::Result<Self> {
        Self::read(MYSQL_CONFIG).context("kubernetes/mysql-config.yaml")
    }

    /// The ConfigMap `mysql-scripts`: bootstrap.sh, the probes and what they need.
    ///
    /// # Errors
    ///
    /// Where the file is not the YAML of a ConfigMap.
    pub fn mysql_scripts() -> anyhow::Result<Self> {
        Self::read(MYSQL_SCRIPTS).context("kubernetes/mysql-scripts.yaml")
    }

    /// The Secret `mysql-credentials`: a password a file.
    ///
    /// # Errors
    ///
    /// Where the file is not the YAML of a Secret.
    pub fn mysql_credentials() -> anyhow::Result<Self> {
        Self::read(MYSQL_CREDENTIALS).context("kubernetes/mysql-credentials.yaml")
    }

    fn read(yaml: &str) -> anyhow::Result<Self> {
        let Manifest { mut data, string_data } = serde_saphyr::from_str(yaml)?;
        data.extend(string_data);
        Ok(Self(data))
    }

    /// The content of one file.
    ///
    /// # Errors
    ///
    /// Where there is no such file.
    pub fn get(&self, name: &str) -> anyhow::Result<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .with_context(|| format!("{name} is missing in the manifest"))
    }

    /// Writes every file into `folder`, as the kubelet mounts them.
    ///
    /// # Errors
    ///
    /// Where the folder cannot be made or written.
    pub fn mount(&self, folder: &Path) -> io::Result<()> {
        std::fs::create_dir_all(folder)?;
        self.0.iter().try_for_each(|(name, text)| std::fs::write(folder.join(name), text))
    }
}
