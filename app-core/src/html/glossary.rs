//! The words of both pages, a sentence or two each: `GET /glossary`.

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

/// The route of this page.
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
