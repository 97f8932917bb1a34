//! The name of a MySQL pod, as its server reports it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The value of `@@report_host`: the name of the server's pod, such as `mysql-1`. bootstrap.sh sets the variable.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct PodName(String);

impl PodName {
    /// From the value that the server returned.
    #[must_use]
    pub fn new(reported: String) -> Self {
        Self(reported)
    }

    /// The number that the StatefulSet gave the pod: `1` of `mysql-1`. Empty where the name has none.
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
