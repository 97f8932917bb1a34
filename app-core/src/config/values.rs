//! The value of each variable: its own, or what is in the file that `NAME_FILE` names.

use std::{
    collections::HashMap,
    ffi::OsString,
    io,
    path::{Path, PathBuf},
    str::FromStr,
};

use super::{Problems, VARIABLES};

/// The variables of a process, as they come.
pub(super) struct Environment(HashMap<OsString, OsString>);

impl Environment {
    pub(super) fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        Self(variables.into_iter().collect())
    }

    /// Each known variable that has a value.
    pub(super) fn known_variables(&self, problems: &mut Problems) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for name in VARIABLES.iter().map(|variable| variable.name) {
            match self.value_of(name) {
                Ok(Some(value)) => found.push((name.to_owned(), value)),
                Ok(None) => {}
                Err(problem) => problems.0.push(problem),
            }
        }
        found
    }

    /// The path that a variable such as `DB_PASSWORD_FILE` holds.
    pub(super) fn path(&self, file_variable: &str) -> Option<PathBuf> {
        self.0.get(&OsString::from(file_variable)).map(PathBuf::from)
    }

    fn value_of(&self, name: &str) -> Result<Option<String>, String> {
        let file_variable = format!("{name}_FILE");
        let direct = self.0.get(&OsString::from(name));
        let value = match (direct, self.path(&file_variable)) {
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
}

/// What a file holds, less the line break that it usually ends in and that is not part of the value.
pub(crate) fn read_file(path: &Path) -> io::Result<String> {
    let text = std::fs::read_to_string(path)?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

pub(super) fn parse<T: FromStr>(
    name: &str,
    expected: &str,
    text: &str,
    problems: &mut Problems,
) -> Option<T> {
    let parsed = text.parse().ok();
    if parsed.is_none() {
        problems.0.push(format!("{name} must be {expected}"));
    }
    parsed
}
