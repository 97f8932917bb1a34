//! The words of the field, a sentence or two each.

use app_core::{
    error::Error,
    page::{self, Layout},
};
use askama::Template;
use axum::response::Response;

#[derive(Template)]
#[template(path = "glossary.html")]
struct Glossary {
    layout: Layout,
}

pub(super) async fn show(layout: Layout) -> Result<Response, Error> {
    Ok(page::respond(&Glossary { layout })?)
}
