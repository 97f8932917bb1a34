//! The page with the form, and `POST /submit`.
//!
//! After a registration write-app redirects the browser, so that a reload does not send the form again.
//! The result travels to the next page in a [`Flash`]. When something is wrong, the browser gets the form
//! again with what the person typed. Programs get JSON, for success and for failure.

use app_core::{
    html::Layout,
    http::{
        error::{self, Error},
        negotiate::AnswerForm,
        request_id,
    },
};
use axum::{
    Json,
    extract::State,
    http::HeaderMap,
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    db::{Primary, Registered},
    idempotency::Sender,
    page::{
        flash::Flash,
        notice::{Failure, Notice},
    },
    registration::{Name, Registration, Typed},
    routes::submitted::Submitted,
};

pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(submit))
}

/// The JSON response. Old clients rely on the first two fields.
#[derive(Serialize, ToSchema)]
struct RegisteredBody {
    success: bool,
    message: &'static str,
    #[serde(flatten)]
    registered: Registered,
}

/// The page with the form.
#[utoipa::path(get, path = "/", operation_id = "register_page",
    params(("large" = Option<String>, Query, description = "`on` makes the text twice as large")), responses(
    (status = 200, description = "The page", body = String, content_type = "text/html")
))]
async fn show(
    State(app): State<App>,
    layout: Layout,
    jar: CookieJar,
) -> Result<(CookieJar, Response), Error> {
    let (flash, jar) = Flash::take(jar);
    let notice = flash.map(Notice::Registered);
    Ok((jar, crate::page::show(&app, layout, notice, &Typed::default()).await?))
}

/// Registers a user. Where the key was used before for the same values, the response has that user. A browser's form
/// needs no key: where the same name and email are registered already, the page shows that user.
#[utoipa::path(post, path = "/submit",
    params(("Idempotency-Key" = Option<String>, Header,
        pattern = r#"^("[!#-~]{1,64}"|[!#-~]{1,64})$"#, description = "Makes it safe to send the registration again")),
    request_body(content(
        (Typed = "application/json"),
        (Typed = "application/x-www-form-urlencoded"),
        (Typed = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "Registered, for programs", body = RegisteredBody),
        (status = 303, description = "Registered, for browsers: the page says so"),
        (status = 400, description = "The body or the key cannot be read"),
        (status = 409, description = "The email is registered already"),
        (status = 415, description = "The body is neither JSON nor a form, or is not in UTF-8, or is compressed"),
        (status = 422, description = "A field is not acceptable, or the key was used for another user"),
    )
)]
async fn submit(
    State(app): State<App>,
    layout: Layout,
    headers: HeaderMap,
    jar: CookieJar,
    Submitted(typed): Submitted,
) -> Result<Response, Error> {
    let registered = register(&app.primary, &headers, &typed).await;
    if let Ok((_, registered)) = &registered {
        app.registrations.count(registered);
    }
    if AnswerForm::wanted_by(&headers) != Some(AnswerForm::Page) {
        let (success, message) = (true, "User registered successfully!");
        let body = RegisteredBody { success, message, registered: registered?.1 };
        return Ok(Json(body).into_response());
    }
    match registered {
        Ok((name, registered)) => {
            let flash = Flash { name: name.as_str().to_owned(), registered };
            Ok((jar.add(flash.cookie()?), Redirect::to(&format!("/{}", layout.size())))
                .into_response())
        }
        Err(error) => Box::pin(form_again(&app, layout, &headers, &typed, &error)).await,
    }
}

/// Returns the name as it is stored, too.
async fn register(
    primary: &Primary,
    headers: &HeaderMap,
    typed: &Typed,
) -> Result<(Name, Registered), Error> {
    let sender = Sender::of(headers)?;
    let registration = Registration::parse(typed).map_err(Error::Invalid)?;
    let name = registration.name.clone();
    Ok((name, primary.register(registration, sender).await?))
}

/// The form with what the person typed and what is wrong with it. The status says the same.
async fn form_again(
    app: &App,
    layout: Layout,
    headers: &HeaderMap,
    typed: &Typed,
    error: &Error,
) -> Result<Response, Error> {
    let request_id = request_id::of(headers);
    error::log(error, &request_id);
    let failure = Failure::new(error, request_id);
    let notice = Notice::NotRegistered(failure);
    let page = crate::page::show(app, layout, Some(notice), typed).await?;
    Ok((error.status(), page).into_response())
}
