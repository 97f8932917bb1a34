//! The words of both pages, a sentence or two each: `GET /glossary`.

use askama::Template;
use axum::{Router, response::Response, routing::get};

use crate::{
    error::Error,
    page::{self, Layout, Site},
};

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    layout: Layout,
}

/// The route of this page.
pub(crate) fn routes(site: Site) -> Router {
    Router::new().route("/glossary", get(show)).with_state(site)
}

async fn show(layout: Layout) -> Result<Response, Error> {
    Ok(page::respond(&Glossary { layout })?)
}
