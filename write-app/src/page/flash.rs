//! What a browser is told of a registration, once, on the page after the redirect.
//!
//! It travels in a cookie and comes back from the browser, so it is text to show to that one person and
//! nothing more.

use std::time::Duration;

use app_core::{
    http::error::Error,
    mysql::{gtid::GtidSet, pod_name::PodName},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::{Deserialize, Serialize};

use crate::db::Registered;

/// Name of the cookie.
const COOKIE: &str = "registered";

/// A registration as it was at its end.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Receipt {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) pod: PodName,
    /// Who has these transactions has the registration.
    pub(crate) gtid: Option<String>,
    pub(crate) acknowledged: Option<bool>,
    pub(crate) commit_ms: u64,
    /// Whether an earlier attempt had registered the user.
    #[serde(default)]
    pub(crate) repeated: bool,
}

impl Receipt {
    pub(crate) fn new(registered: Registered, name: &str) -> Self {
        let Registered { id, pod, took, commit, is_repeated } = registered;
        Self {
            id,
            name: name.trim().to_owned(),
            pod,
            gtid: commit.gtids.map(|gtids| gtids.to_string()),
            acknowledged: commit.acknowledged,
            commit_ms: milliseconds(took),
            repeated: is_repeated,
        }
    }

    /// The receipt in this jar, and the jar without it: it is shown once.
    pub(crate) fn take(jar: CookieJar) -> (Option<Self>, CookieJar) {
        let receipt =
            jar.get(COOKIE).and_then(|cookie| serde_urlencoded::from_str(cookie.value()).ok());
        (receipt, jar.remove(Cookie::build(COOKIE).path("/")))
    }

    pub(crate) fn cookie(&self) -> Result<Cookie<'static>, Error> {
        let value = serde_urlencoded::to_string(self)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Cookie::build((COOKIE, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .build())
    }

    /// The GTID, where it is this very commit's and not that of all commits so far.
    pub(crate) fn commit(&self) -> Option<&str> {
        let gtid = self.gtid.as_deref()?;
        let gtids: GtidSet = gtid.parse().ok()?;
        (gtids.transactions() == 1).then_some(gtid)
    }

    /// Where read-app shows the user, on a pod that has the commit.
    pub(crate) fn read_back(&self, read_app: &str) -> String {
        let read_app = read_app.trim_end_matches('/');
        let after = self.gtid.as_deref().map(|gtid| ("after", gtid));
        let id = self.id.to_string();
        let query = after.into_iter().chain([("id", id.as_str())]).collect::<Vec<_>>();
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        format!("{read_app}/?{query}#users")
    }
}

/// Whole milliseconds, rounded up: nothing takes no time.
pub(crate) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GTID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57";

    fn receipt(gtid: Option<&str>) -> Receipt {
        let pod = PodName::new("mysql-0".into());
        let gtid = gtid.map(str::to_owned);
        let name = "Ada".into();
        Receipt { id: 57, name, pod, gtid, acknowledged: Some(true), commit_ms: 2, repeated: false }
    }

    #[test]
    fn a_receipt_survives_the_redirect() {
        for gtid in [Some(GTID), None] {
            let jar = CookieJar::new().add(receipt(gtid).cookie().unwrap());

            let (shown, jar) = Receipt::take(jar);

            let shown = shown.unwrap();
            assert_eq!((shown.gtid.as_deref(), shown.acknowledged), (gtid, Some(true)));
            assert!(Receipt::take(jar).0.is_none(), "it is shown once");
        }
    }

    #[test]
    fn only_a_single_transaction_is_called_the_commit() {
        assert_eq!(receipt(Some(GTID)).commit(), Some(GTID));
        let all = format!("{}:1-57", &GTID[..36]);
        for gtid in [Some(all.as_str()), Some("<b>"), None] {
            assert_eq!(receipt(gtid).commit(), None, "{gtid:?}");
        }
    }

    #[test]
    fn the_way_back_carries_the_gtid_and_whatever_stands_there_stays_one_value() {
        let way = |gtid| receipt(gtid).read_back("http://node:30001/");
        let encoded = GTID.replace(':', "%3A");
        assert_eq!(way(Some(GTID)), format!("http://node:30001/?after={encoded}&id=57#users"));
        assert_eq!(way(Some("\"&id=1#")), "http://node:30001/?after=%22%26id%3D1%23&id=57#users");
        assert_eq!(way(None), "http://node:30001/?id=57#users");
    }

    #[test]
    fn a_part_of_a_millisecond_counts_as_one() {
        assert_eq!(milliseconds(Duration::from_micros(1)), 1);
        assert_eq!(milliseconds(Duration::from_micros(2000)), 2);
    }
}
