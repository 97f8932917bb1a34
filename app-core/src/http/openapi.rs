//! `GET /openapi.json`: the routes, in OpenAPI 3.1, <https://spec.openapis.org/oas/v3.1.1>.
//!
//! A route and its description come from one line, `routes!(handler)`. This file adds the form of errors, and
//! the errors of the layers around all routes. It leaves out the files of the pages, under `/assets/`.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{
        ComponentsBuilder, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder,
        path::{Operation, PathItem},
        schema::{Object, Type},
    },
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{config::About, http::problem::ProblemBody};

/// The routes for machines, outside of the layers that may refuse a request.
const OPERATIONS: [&str; 5] = ["/healthz", "/metrics", "/openapi.json", "/readyz", "/version"];

/// The errors of the layers for any other request, and for one with a body.
const BY_LAYERS: [(&str, &str); 4] = [
    ("406", "Neither JSON nor a page is acceptable"),
    ("408", "The request did not arrive in time"),
    ("500", "A fault of this program; its log says more"),
    ("503", "MySQL cannot do it at this moment, or the app has too much to do"),
];
const BY_LAYERS_TO_A_BODY: [(&str, &str); 2] =
    [("403", "Sent from another site"), ("413", "The body is too large")];

/// The routes, and the one that describes them all.
///
/// # Errors
///
/// Where the description cannot be written as JSON.
pub(crate) fn described(routes: OpenApiRouter, about: &About) -> serde_json::Result<Router> {
    let own = OpenApiRouter::new().routes(routes!(document));
    let (own, of_own) = own.split_for_parts();
    let (routes, mut api) = routes.split_for_parts();
    api.merge(of_own);
    about.name.clone_into(&mut api.info.title);
    about.version.clone_into(&mut api.info.version);
    api.info.description = Some(about.summary.to_owned());
    api.info.license = None;
    api.info.contact = None;
    add_errors(&mut api);
    Ok(routes.merge(own.with_state(Document(api.to_json()?.into()))))
}

/// The description as JSON.
#[derive(Clone)]
struct Document(Arc<str>);

/// This description.
#[utoipa::path(get, path = "/openapi.json", responses(
    (status = 200, description = "This description", body = Object)
))]
async fn document(State(Document(json)): State<Document>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], json.to_string()).into_response()
}

fn add_errors(api: &mut OpenApi) {
    let components = api.components.take().unwrap_or_default();
    let problem =
        ComponentsBuilder::from(components).schema(ProblemBody::name(), ProblemBody::schema());
    api.components = Some(problem.build());
    for (path, PathItem { get, post, .. }) in &mut api.paths.paths {
        if !OPERATIONS.contains(&path.as_str()) {
            get.iter_mut().chain(post.iter_mut()).for_each(|operation| add(&BY_LAYERS, operation));
            post.iter_mut().for_each(|operation| add(&BY_LAYERS_TO_A_BODY, operation));
        }
        get.iter_mut().chain(post).for_each(give_form);
    }
}

fn add(errors: &[(&str, &str)], operation: &mut Operation) {
    for (status, description) in errors {
        let response = || RefOr::T(ResponseBuilder::new().description(*description).build());
        let responses = &mut operation.responses.responses;
        responses.entry((*status).to_owned()).or_insert_with(response);
    }
}

/// Gives an error without a described body the form of all errors.
fn give_form(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        let RefOr::T(response) = response else { continue };
        if status.as_str() < "400" || !response.content.is_empty() {
            continue;
        }
        let problem =
            ContentBuilder::new().schema(Some(Ref::from_schema_name(ProblemBody::name())));
        let page = ContentBuilder::new().schema(Some(Object::with_type(Type::String)));
        response.content.insert("application/problem+json".to_owned(), problem.build().into());
        response.content.insert("text/html".to_owned(), page.build().into());
    }
}
