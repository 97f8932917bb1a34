//! The query string of a request, as clients really send it: read where it can mean only one thing, refused otherwise.
//!
//! axum's `Query` would turn bytes that are not UTF-8 into U+FFFD, and search for that.

use app_core::http::error::Error;
use axum::http::Uri;
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

/// The parameters of `GET /users` and of the page. Others are ignored.
pub(crate) const NAMES: [&str; 18] = [
    "via",
    "with",
    "strategy",
    "user",
    "compare",
    "large",
    "seen",
    "seen2",
    "was",
    "over",
    "ask",
    "part",
    "after",
    "wait",
    "id",
    "older_than",
    "newer_than",
    "search",
];

/// Their values are words of this app, so capitals mean nothing in them.
const CHOICES: [&str; 7] = ["via", "with", "strategy", "compare", "large", "over", "part"];

/// The parameters that have a value, each once.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueryString(Vec<(&'static str, String)>);

impl QueryString {
    /// # Errors
    ///
    /// Where a value is not UTF-8, or a parameter has two values.
    pub(crate) fn read(uri: &Uri) -> Result<Self, Error> {
        let mut read: Vec<(&'static str, String)> = Vec::new();
        for pair in uri.query().unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let Some(name) = known(name) else { continue };
            let value = decoded(value).ok_or_else(|| {
                Error::Malformed(format!(
                    "{name} is not UTF-8. Send it as UTF-8, percent-encoded: é is %C3%A9."
                ))
            })?;
            // An empty field of a form says no more than a field that is missing.
            let Some(value) = meaning(name, &value) else { continue };
            match read.iter().find(|(other, _)| *other == name) {
                None => read.push((name, value)),
                Some((_, same)) if *same == value => {}
                Some(_) => {
                    let sentence =
                        format!("{name} has two different values. Send only one of them.");
                    return Err(Error::Malformed(sentence));
                }
            }
        }
        Ok(Self(read))
    }

    /// # Errors
    ///
    /// The name of the first parameter that has no value of its type.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, &'static str> {
        from_pairs(&self.0).ok_or_else(|| {
            let alone =
                |pair: &&(&str, String)| from_pairs::<T>(std::slice::from_ref(*pair)).is_none();
            self.0.iter().find(alone).map_or("the query", |(name, _)| name)
        })
    }

    /// Those of these parameters that have a value.
    pub(crate) fn only(&self, names: &[&str]) -> Vec<(&'static str, String)> {
        self.0.iter().filter(|(name, _)| names.contains(name)).cloned().collect()
    }

    /// The query of another page of users: the same but for the position.
    pub(crate) fn at(&self, position: &str, id: u64) -> String {
        let mut pairs = self.0.clone();
        pairs.retain(|(name, _)| !["older_than", "newer_than"].contains(name));
        let id = id.to_string();
        let pairs = pairs.iter().map(|(name, value)| (*name, value.as_str()));
        let all: Vec<_> = pairs.chain([(position, id.as_str())]).collect();
        serde_urlencoded::to_string(all).unwrap_or_default()
    }
}

fn known(name: &str) -> Option<&'static str> {
    let name = decoded(name)?;
    NAMES.into_iter().find(|known| name.trim().eq_ignore_ascii_case(known))
}

fn meaning(name: &str, value: &str) -> Option<String> {
    let value = value.trim();
    let is_choice = CHOICES.contains(&name);
    let value = if is_choice { value.to_ascii_lowercase() } else { value.to_owned() };
    Some(value).filter(|value| !value.is_empty())
}

/// A percent sign that encodes nothing stands for itself. None where the bytes are not UTF-8.
fn decoded(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

fn from_pairs<T: DeserializeOwned>(pairs: &[(&str, String)]) -> Option<T> {
    serde_urlencoded::from_str(&serde_urlencoded::to_string(pairs).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use utoipa::IntoParams;

    use super::*;
    use crate::{api::params::UsersQueryString, page::params::PageQueryString};

    /// A parameter that is not in the list would be ignored without a word.
    #[test]
    fn each_parameter_of_both_addresses_is_read_and_no_other() {
        let of_both = [UsersQueryString::into_params, PageQueryString::into_params];
        let declared = of_both.into_iter().flat_map(|params| params(|| None));
        let declared: BTreeSet<_> = declared.map(|param| param.name).collect();
        assert_eq!(declared, NAMES.into_iter().map(str::to_owned).collect());
    }

    fn read(query: &str) -> Result<Vec<(&'static str, String)>, String> {
        let uri = format!("/users?{query}").parse().unwrap();
        let read = QueryString::read(&uri).map_err(|error| error.message())?;
        Ok(read.only(&NAMES))
    }

    #[test]
    fn what_can_mean_only_one_thing_is_understood() {
        let jose = || vec![("search", "José 100%".to_owned())];
        for query in [
            "search=Jos%C3%A9+100%25",
            "search=Jos%c3%a9%20100%",
            "SEARCH=Jos%C3%A9+100%25",
            "%73earch=Jos%C3%A9+100%25",
            "search=&search=Jos%C3%A9+100%25&search",
            "search=Jos%C3%A9+100%25&search=+Jos%C3%A9%20100%+",
            "search=Jos%C3%A9+100%25&older_than=&older_than",
            "utm=%FF&utm=1&search=Jos%C3%A9+100%25&&=&%FF=1",
        ] {
            assert_eq!(read(query), Ok(jose()), "{query}");
        }
        assert_eq!(
            read("via=MySQL&with=%20Pool"),
            Ok(vec![("via", "mysql".into()), ("with", "pool".into())])
        );
        assert_eq!(
            read("user=Ada&older_than=+7"),
            Ok(vec![("user", "Ada".into()), ("older_than", "7".into())])
        );
    }

    #[test]
    fn what_is_not_utf_8_or_has_two_values_is_refused_by_the_name_of_the_parameter() {
        for (query, why) in [
            ("search=Jos%E9", "search is not UTF-8"),
            ("Search=%C3", "search is not UTF-8"),
            ("user=%ED%A0%80", "user is not UTF-8"),
            ("search=a&search=b", "search has two different values"),
            ("via=mysql&VIA=mysql-read", "via has two different values"),
            ("older_than=1&older_than=2", "older_than has two different values"),
        ] {
            let refused = read(query).unwrap_err();
            assert!(refused.starts_with(why), "{query}: {refused}");
        }
    }

    #[test]
    fn the_query_of_another_page_keeps_everything_but_the_position() {
        let uri =
            "/users?SEARCH=a%26b%3D%2B%25+%C3%A9&newer_than=5&via=mysql&utm=1".parse().unwrap();
        let next = QueryString::read(&uri).unwrap().at("older_than", 9);
        assert_eq!(next, "search=a%26b%3D%2B%25+%C3%A9&via=mysql&older_than=9");
    }
}
