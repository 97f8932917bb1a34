//! The name of a MySQL pod, as its server reports it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What `@@report_host` of a connection says: the name of the pod that it leads to, such as
/// `mysql-1`. bootstrap.sh sets the variable from the pod's own name.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PodName(String);

impl PodName {
    /// The name as the server gave it.
    #[must_use]
    pub fn new(reported: String) -> Self {
        Self(reported)
    }

    /// The number after the last hyphen, which a StatefulSet gives: `1` of `mysql-1`. Empty where
    /// there is none.
    #[must_use]
    pub fn ordinal(&self) -> &str {
        let (_, ordinal) = self.0.rsplit_once('-').unwrap_or_default();
        if ordinal.bytes().all(|byte| byte.is_ascii_digit()) { ordinal } else { "" }
    }
}

impl fmt::Display for PodName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ordinal_is_the_number_at_the_end() {
        for (name, ordinal) in
            [("mysql-0", "0"), ("mysql-12", "12"), ("mysql", ""), ("my-sql", ""), ("", "")]
        {
            assert_eq!(PodName::new(name.into()).ordinal(), ordinal, "{name}");
        }
    }
}
