//! The page: the form, the diagram of where a write goes, and above both what has just happened.

mod diagram;
pub(crate) mod flash;
pub(crate) mod notice;

use app_core::{
    html::{self, Layout},
    http::error::Error,
    mysql::pod_name::PodName,
};
use askama::Template;
use axum::response::Response;

use self::{
    diagram::Diagram,
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
    /// The address that DNS has for the name now, or why there is none.
    address: Result<String, String>,
    diagram: Option<Diagram>,
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
    let diagram = Diagram::new(host, address.as_deref().ok(), &replicas, notice.as_ref());
    Ok(html::respond(&Page { layout, notice, typed, host, address, diagram })?)
}

async fn address_of(primary: &Primary) -> Result<String, String> {
    let address = primary.address().await;
    address.map(|address| address.ip().to_string()).map_err(|error| Error::from(error).message())
}

impl Page<'_> {
    fn problem(&self, field: &str) -> Option<&str> {
        let Some(Notice::NotRegistered(Failure { fields, .. })) = &self.notice else { return None };
        fields.iter().find(|problem| problem.field == field).map(|problem| problem.message.as_str())
    }

    /// bootstrap.sh gives a pod its role by its name: ordinal 0 is always the primary.
    fn role(&self) -> &'static str {
        let (pod, _) = pod_and_service(self.host);
        match PodName::new(pod.to_owned()).ordinal() {
            "" => "",
            "0" => "primary",
            _ => "replica",
        }
    }
}
