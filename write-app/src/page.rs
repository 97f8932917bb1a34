//! The page: the form, the drawing of where a write goes, and above both what has just happened.

mod drawing;
pub(crate) mod flash;
pub(crate) mod notice;

use std::time::Duration;

use app_core::{
    dns::DnsError,
    html::{self, Layout, drawing::Drawing},
    http::error::Error,
    mysql::{MysqlError, pod_name::PodName},
};
use askama::Template;
use axum::response::Response;

use self::{
    drawing::{Known, drawing},
    notice::{Failure, Notice},
};
use crate::{
    App,
    db::{
        Primary, Registered,
        reach::{Problem, Trouble},
        replicas::{Listed, STATEMENT, pod_and_service},
    },
    registration::Typed,
};

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    layout: Layout,
    notice: Option<Notice<'a>>,
    typed: &'a Typed,
    /// The name that writes go to.
    host: &'a str,
    /// The address that DNS has for it, or what DNS says instead, in two words.
    address: Result<String, &'static str>,
    trouble: Option<Trouble>,
    /// None where DNS gives no answer.
    replicas: Option<Vec<Listed>>,
    drawing: Option<Drawing>,
}

/// Which replica acknowledged a commit.
enum AcknowledgedBy<'a> {
    /// The only one that was connected.
    Pod(&'a PodName),
    /// One of so many.
    OneOf(u64),
    /// MySQL does not say among how many.
    Unknown,
}

/// Renders the page as things are at this moment.
pub(crate) async fn show(
    App { primary, replicas, .. }: &App,
    layout: Layout,
    notice: Option<Notice<'_>>,
    typed: &Typed,
) -> Result<Response, Error> {
    let host = primary.host();
    let (address, trouble, replicas) =
        tokio::join!(address_of(primary), trouble(primary, notice.as_ref()), replicas.listed());
    // The pod may have come or gone between the two questions.
    let address = match trouble.map(|trouble| trouble.problem) {
        Some(Problem::NoAddress) => Err("no address"),
        Some(Problem::NoDns) => Err("no answer"),
        _ => address,
    };
    let answer = address.as_deref().map_err(|what| *what);
    let (listed, read_app) = (replicas.as_deref(), layout.other_app_url.as_str());
    let drawing =
        drawing(&Known { host, address: answer, listed, notice: notice.as_ref(), read_app });
    let page = Page { layout, notice, typed, host, address, trouble, replicas, drawing };
    Ok(html::respond(&page)?)
}

/// A registration whose outcome is unknown has waited for the primary as long as a client may wait.
async fn trouble(primary: &Primary, notice: Option<&Notice<'_>>) -> Option<Trouble> {
    match notice {
        Some(Notice::NotRegistered(failure)) if failure.is_unknown => None,
        _ => primary.trouble().await,
    }
}

/// The address that DNS has for the name now.
async fn address_of(primary: &Primary) -> Result<String, &'static str> {
    let address = primary.address().await;
    address.map(|address| address.ip().to_string()).map_err(|error| match error {
        MysqlError::Name(DnsError::NoAnswer { .. }) => "no answer",
        _ => "no address",
    })
}

impl Page<'_> {
    fn problem(&self, field: &str) -> Option<&str> {
        let Some(Notice::NotRegistered(Failure { fields, .. })) = &self.notice else { return None };
        fields.iter().find(|problem| problem.field == field).map(|problem| problem.message.as_str())
    }

    /// The pod that takes the writes.
    fn pod(&self) -> PodName {
        let (pod, _) = pod_and_service(self.host);
        PodName::new(pod.to_owned())
    }

    /// Whether the name is that of the primary: bootstrap.sh makes ordinal 0 the primary. MySQL was not asked.
    fn is_primary(&self) -> bool {
        self.pod().ordinal() == "0"
    }

    /// The level of the heading about the trouble: what has just happened stands above it.
    fn trouble_level(&self) -> u8 {
        if self.notice.is_none() { 1 } else { 2 }
    }

    /// Whether the page begins with what works while the primary is away. After a request, the form is needed sooner.
    fn begins_with_what_works(&self) -> bool {
        let is_away = self.trouble.is_some_and(|trouble| trouble.problem.is_about_the_pod());
        is_away && self.notice.is_none() && self.is_primary()
    }

    /// MySQL says how many replicas could acknowledge a commit. Where that was one, and DNS lists one, it was this one.
    fn acknowledged_by(&self, registered: &Registered) -> AcknowledgedBy<'_> {
        match (registered.replicas, self.replicas.as_deref()) {
            (Some(1), Some([only])) => AcknowledgedBy::Pod(&only.pod),
            (Some(replicas), _) if replicas > 1 => AcknowledgedBy::OneOf(replicas),
            _ => AcknowledgedBy::Unknown,
        }
    }
}

/// How long ago something was, as a person says it.
fn ago(duration: &Duration) -> String {
    match duration.as_secs() {
        0 => "less than a second ago".to_owned(),
        1 => "a second ago".to_owned(),
        seconds @ 2..120 => format!("{seconds} seconds ago"),
        seconds @ 120..7200 => format!("{} minutes ago", seconds / 60),
        seconds => format!("{} hours ago", seconds / 3600),
    }
}

#[cfg(test)]
mod tests;
