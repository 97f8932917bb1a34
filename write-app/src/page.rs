//! The page: the form, the drawing of where a write goes, and above both what has just happened.

mod drawing;
pub(crate) mod flash;
pub(crate) mod notice;

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
        Primary,
        replicas::{STATEMENT, pod_and_service},
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
    address: Result<String, NoAddress>,
    drawing: Option<Drawing>,
}

/// Why there is no address to show for a name.
struct NoAddress {
    /// In two words: what DNS has.
    what: &'static str,
    message: String,
}

/// Renders the page as things are at this moment.
pub(crate) async fn show(
    App { primary, replicas, .. }: &App,
    layout: Layout,
    notice: Option<Notice<'_>>,
    typed: &Typed,
) -> Result<Response, Error> {
    let host = primary.host();
    let (address, replicas) = tokio::join!(address_of(primary), replicas.names());
    let answer = address.as_deref().map_err(|none| none.what);
    let (listed, read_app) = (replicas.as_deref(), layout.other_app_url.as_str());
    let drawing =
        drawing(&Known { host, address: answer, listed, notice: notice.as_ref(), read_app });
    Ok(html::respond(&Page { layout, notice, typed, host, address, drawing })?)
}

/// The address that DNS has for the name now.
async fn address_of(primary: &Primary) -> Result<String, NoAddress> {
    let address = primary.address().await;
    address.map(|address| address.ip().to_string()).map_err(|error| {
        let is_silent = matches!(error, MysqlError::Name(DnsError::NoAnswer { .. }));
        let what = if is_silent { "no answer" } else { "no address" };
        NoAddress { what, message: Error::from(error).message() }
    })
}

impl Page<'_> {
    fn problem(&self, field: &str) -> Option<&str> {
        let Some(Notice::NotRegistered(Failure { fields, .. })) = &self.notice else { return None };
        fields.iter().find(|problem| problem.field == field).map(|problem| problem.message.as_str())
    }

    /// The role that the name stands for: bootstrap.sh makes ordinal 0 the primary. MySQL was not asked.
    fn role(&self) -> &'static str {
        let (pod, _) = pod_and_service(self.host);
        match PodName::new(pod.to_owned()).ordinal() {
            "" => "",
            "0" => "primary",
            _ => "replica",
        }
    }
}
