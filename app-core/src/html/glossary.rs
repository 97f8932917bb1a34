//! `GET /glossary`: the words of both apps' pages, each with a sentence or two.

use askama::Template;
use axum::response::Response;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    html::{self, Layout, Site},
    http::error::Error,
};

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    layout: Layout,
}

pub(crate) fn routes(site: Site) -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(show)).with_state(site)
}

/// The words of both pages.
#[utoipa::path(get, path = "/glossary", operation_id = "glossary", responses(
    (status = 200, description = "The page", body = String, content_type = "text/html")
))]
async fn show(layout: Layout) -> Result<Response, Error> {
    Ok(html::respond(&Glossary { layout })?)
}
