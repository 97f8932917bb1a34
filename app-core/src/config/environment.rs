//! The variables of a process. A value is in the variable itself, or in the file that `NAME_FILE` names.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
};

/// The variables of a process, unchecked.
pub(super) struct Environment(HashMap<OsString, OsString>);

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Whether the variable or its `NAME_FILE` is there, usable or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some() || self.path(&format!("{name}_FILE")).is_some()
    }

    /// The value of a variable. An error says what is wrong, without the value.
    pub(super) fn value(&self, name: &str) -> Result<Option<String>, String> {
        let file_variable = format!("{name}_FILE");
        let value = match (self.get(name), self.path(&file_variable)) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(format!("{name} and {file_variable} are both set; set one of them"));
            }
            (Some(value), None) => {
                value.to_str().map(str::to_owned).ok_or(format!("{name} is not valid UTF-8"))?
            }
            (None, Some(path)) => read_file(&path)
                .map_err(|error| format!("{file_variable}: the file cannot be read: {error}"))?,
        };
        if value.is_empty() { Err(format!("{name} is empty")) } else { Ok(Some(value)) }
    }

    /// The path that a variable such as `DB_PASSWORD_FILE` holds.
    pub(super) fn path(&self, file_variable: &str) -> Option<PathBuf> {
        self.get(file_variable).map(PathBuf::from)
    }

    fn get(&self, name: &str) -> Option<&OsString> {
        self.0.get(&OsString::from(name))
    }
}

/// The content of a file, without the line breaks at its end: editors and `echo` add one.
pub(super) fn read_file(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
