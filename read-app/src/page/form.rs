//! What the page remembers. It stands in the page's form and links, so any copy of read-app can continue the page.

use crate::{page::params::PageParams, routing::mode::Mode};

/// The parameters of [`Form::of_list`] that a new search does without: it begins with the newest user.
const OF_THIS_SEARCH: [&str; 3] = ["search", "older_than", "newer_than"];

/// The parameters that the next request repeats.
pub(super) struct Form {
    pub(super) mode: Mode,
    pub(super) compare: bool,
    pub(super) large: bool,
    /// The dots of each lane.
    pub(super) seen: String,
    pub(super) seen_beside: String,
    /// What the list of users shows.
    pub(super) of_list: Vec<(&'static str, String)>,
}

impl Form {
    pub(super) fn new(params: &PageParams) -> Self {
        Self {
            mode: params.mode.clone(),
            compare: params.compare,
            large: params.large,
            seen: params.dots.text(),
            seen_beside: params.dots_beside.text(),
            of_list: params.of_list.clone(),
        }
    }

    /// The parameters that are not empty.
    fn parameters(&self) -> Vec<(&'static str, String)> {
        let Mode { via, with, strategy, user } = &self.mode;
        let on = |is_on: bool| if is_on { "on".to_owned() } else { String::new() };
        let all = [
            ("via", via.name().to_owned()),
            ("with", with.name().to_owned()),
            ("strategy", strategy.name().to_owned()),
            ("user", user.clone()),
            ("compare", on(self.compare)),
            ("large", on(self.large)),
            ("was", self.mode.text()),
            ("seen", self.seen.clone()),
            ("seen2", self.seen_beside.clone()),
        ];
        let all = all.into_iter().chain(self.of_list.iter().cloned());
        all.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// What a new search repeats.
    pub(super) fn for_search(&self) -> Vec<(&'static str, String)> {
        let mut parameters = self.parameters();
        parameters.retain(|(name, _)| !OF_THIS_SEARCH.contains(name));
        parameters
    }

    /// The same as a query string, with some changes, such as `older_than=7&newer_than=`. A parameter without a value
    /// is left out.
    pub(super) fn link(&self, changes: &str) -> String {
        let changes: Vec<(String, String)> =
            serde_urlencoded::from_str(changes).unwrap_or_default();
        let mut all = self.parameters();
        all.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
        let all = all.iter().map(|(name, value)| (*name, value));
        let set = changes.iter().filter(|(_, value)| !value.is_empty());
        let all: Vec<_> = all.chain(set.map(|(name, value)| (name.as_str(), value))).collect();
        serde_urlencoded::to_string(all).unwrap_or_default()
    }
}
