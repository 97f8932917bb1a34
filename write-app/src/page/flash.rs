//! What a browser is shown once, on the page after the redirect: the user whom it has registered.
//!
//! The flash travels in a cookie, so a browser can send any text in it. The page shows the text and does
//! nothing else with it.

use app_core::{http::error::Error, mysql::gtid::GtidSet};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::Deserialize;

use crate::db::Registered;

const COOKIE: &str = "registered";

#[derive(Debug)]
pub(crate) struct Flash {
    pub(crate) name: String,
    pub(crate) registered: Registered,
}

/// The field of the cookie that [`Registered`] does not have. It is read separately, because
/// `serde(flatten)` reads no numbers out of urlencoded text.
#[derive(Deserialize)]
struct Name {
    name: String,
}

impl Flash {
    /// The flash in this jar, and the jar without it: it is shown once.
    pub(crate) fn take(jar: CookieJar) -> (Option<Self>, CookieJar) {
        let flash = jar.get(COOKIE).and_then(|cookie| Self::parse(cookie.value()).ok());
        (flash, jar.remove(Cookie::build(COOKIE).path("/")))
    }

    fn parse(text: &str) -> Result<Self, serde_urlencoded::de::Error> {
        let Name { name } = serde_urlencoded::from_str(text)?;
        Ok(Self { name, registered: serde_urlencoded::from_str(text)? })
    }

    pub(crate) fn cookie(&self) -> Result<Cookie<'static>, Error> {
        let value = self.encode().map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Cookie::build((COOKIE, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .build())
    }

    fn encode(&self) -> Result<String, serde_urlencoded::ser::Error> {
        let name = serde_urlencoded::to_string([("name", &self.name)])?;
        Ok(format!("{name}&{}", serde_urlencoded::to_string(&self.registered)?))
    }

    /// The GTID, if it is this commit's alone and not the set of all commits until then.
    pub(crate) fn commit(&self) -> Option<&str> {
        let gtid = self.registered.gtid.as_deref()?;
        let set: GtidSet = gtid.parse().ok()?;
        (set.transactions() == 1).then_some(gtid)
    }

    /// Where read-app shows the user, on a pod that has the commit.
    pub(crate) fn read_back(&self, read_app: &str) -> String {
        let read_app = read_app.trim_end_matches('/');
        let Registered { id, gtid, .. } = &self.registered;
        let after = gtid.as_ref().map(|gtid| ("after", gtid.clone()));
        let query: Vec<_> = after.into_iter().chain([("id", id.to_string())]).collect();
        let query = serde_urlencoded::to_string(query).unwrap_or_default();
        format!("{read_app}/?{query}#users")
    }
}

#[cfg(test)]
mod tests {
    use app_core::mysql::pod_name::PodName;

    use super::*;

    const GTID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562:57";

    fn flash(gtid: Option<&str>) -> Flash {
        let registered = Registered {
            id: 57,
            pod: PodName::new("mysql-0".into()),
            gtid: gtid.map(str::to_owned),
            acknowledged: Some(true),
            replicas: Some(1),
            commit_ms: Some(2),
            repeated: false,
        };
        Flash { name: "Ada".into(), registered }
    }

    #[test]
    fn a_flash_survives_the_redirect() {
        for gtid in [Some(GTID), None] {
            let jar = CookieJar::new().add(flash(gtid).cookie().unwrap());

            let (shown, jar) = Flash::take(jar);

            let shown = shown.unwrap().registered;
            let said = (shown.gtid.as_deref(), shown.acknowledged, shown.replicas);
            assert_eq!(said, (gtid, Some(true), Some(1)));
            assert!(Flash::take(jar).0.is_none(), "it is shown once");
        }
    }

    #[test]
    fn only_a_single_transaction_is_called_the_commit() {
        assert_eq!(flash(Some(GTID)).commit(), Some(GTID));
        let all = format!("{}:1-57", &GTID[..36]);
        for gtid in [Some(all.as_str()), Some("<b>"), None] {
            assert_eq!(flash(gtid).commit(), None, "{gtid:?}");
        }
    }

    #[test]
    fn the_link_to_read_app_carries_the_gtid_as_one_value_whatever_it_contains() {
        let link = |gtid| flash(gtid).read_back("http://node:30001/");
        let encoded = GTID.replace(':', "%3A");
        assert_eq!(link(Some(GTID)), format!("http://node:30001/?after={encoded}&id=57#users"));
        assert_eq!(link(Some("\"&id=1#")), "http://node:30001/?after=%22%26id%3D1%23&id=57#users");
        assert_eq!(link(None), "http://node:30001/?id=57#users");
    }
}
