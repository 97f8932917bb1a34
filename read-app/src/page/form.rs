//! What the page remembers. It stands in the page's form and links, so any copy of read-app can continue the page.

use crate::{page::params::PageParams, routing::mode::Mode};

/// The parameters that the next request repeats.
pub(super) struct Form {
    pub(super) mode: Mode,
    pub(super) compare: bool,
    pub(super) large: bool,
    /// The dots of each lane.
    pub(super) seen: String,
    pub(super) seen_beside: String,
}

impl Form {
    pub(super) fn new(params: &PageParams) -> Self {
        Self {
            mode: params.mode.clone(),
            compare: params.compare,
            large: params.large,
            seen: params.dots.text(),
            seen_beside: params.dots_beside.text(),
        }
    }

    /// The parameters that are not empty.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
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
        all.into_iter().filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The same as a query string in which one parameter has another value, or is missing where that is empty.
    pub(super) fn link(&self, name: &str, value: &str) -> String {
        let parameters = self.parameters();
        let others = parameters.iter().map(|(name, value)| (*name, value.as_str()));
        let changed = (!value.is_empty()).then_some((name, value));
        let all = others.filter(|(other, _)| *other != name).chain(changed);
        serde_urlencoded::to_string(all.collect::<Vec<_>>()).unwrap_or_default()
    }
}
