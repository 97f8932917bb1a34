//! The page with the form, and `POST /submit`.
//!
//! A browser is redirected after a registration, so that reloading the page registers nobody twice;
//! what happened travels to the next page in a cookie that is shown once. When something is wrong,
//! the form comes back with what was typed. Programs get JSON, for success and for failure.

use app_core::{
    html::Layout,
    http::{
        error::{self, Error},
        negotiate::AnswerForm,
        request_id,
    },
    mysql::pod_name::PodName,
};
use axum::{
    Form, Json,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use axum_extra::extract::CookieJar;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    App,
    db::{Primary, Registered},
    idempotency::IdempotencyKey,
    page::{
        Failure, News,
        flash::{Receipt, milliseconds},
    },
    registration::{Registration, Typed},
};

/// The routes of this page.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(submit))
}

/// The JSON answer. The first two fields are what clients have always relied on.
#[derive(Serialize, ToSchema)]
struct RegisteredBody {
    success: bool,
    message: &'static str,
    id: u64,
    #[schema(value_type = String)]
    pod: PodName,
    /// Who has these transactions has the registration: read-app's `after`.
    gtid: Option<String>,
    acknowledged: Option<bool>,
    commit_ms: u64,
    /// Whether an earlier attempt under the same key had registered the user.
    repeated: bool,
}

/// The page with the form.
#[utoipa::path(get, path = "/", operation_id = "register_page", responses(
    (status = 200, description = "The page", body = String, content_type = "text/html")
))]
async fn show(
    State(app): State<App>,
    layout: Layout,
    jar: CookieJar,
) -> Result<(CookieJar, Response), Error> {
    let (receipt, jar) = Receipt::take(jar);
    let news = receipt.map_or(News::Nothing, News::Registered);
    Ok((jar, crate::page::show(&app, layout, news, &Typed::default()).await?))
}

/// Registers a user. Under a key that was used for the same values before, the answer has that user.
#[utoipa::path(post, path = "/submit",
    params(("Idempotency-Key" = Option<String>, Header, min_length = 1, max_length = 64,
        pattern = "^[!#-~]*$", description = "Makes it safe to send the registration again")),
    request_body(content((Typed = "application/json"), (Typed = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Registered, for programs", body = RegisteredBody),
        (status = 303, description = "Registered, for browsers: the page says so"),
        (status = 400, description = "The body or the key cannot be read"),
        (status = 409, description = "The email is registered already"),
        (status = 415, description = "The body is neither JSON nor a form"),
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
    registered.iter().for_each(|registered| app.registrations.count(registered));
    if AnswerForm::wanted_by(&headers) != Some(AnswerForm::Page) {
        return Ok(Json(RegisteredBody::from(registered?)).into_response());
    }
    match registered {
        Ok(registered) => {
            let receipt = Receipt::new(registered, &typed.name);
            Ok((jar.add(receipt.cookie()?), Redirect::to("/")).into_response())
        }
        Err(error) => form_again(&app, layout, &headers, &typed, &error).await,
    }
}

impl From<Registered> for RegisteredBody {
    fn from(registered: Registered) -> Self {
        let Registered { id, pod, took, commit, is_repeated } = registered;
        Self {
            success: true,
            message: "User registered successfully!",
            id,
            pod,
            gtid: commit.gtids.map(|gtids| gtids.to_string()),
            acknowledged: commit.acknowledged,
            commit_ms: milliseconds(took),
            repeated: is_repeated,
        }
    }
}

async fn register(
    primary: &Primary,
    headers: &HeaderMap,
    typed: &Typed,
) -> Result<Registered, Error> {
    let key = IdempotencyKey::of(headers, &typed.idempotency_key)?;
    let registration = Registration::parse(typed).map_err(Error::Invalid)?;
    primary.register(registration, key).await
}

/// The form with what was typed, what is wrong with it, and the true status.
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
    let page = crate::page::show(app, layout, News::NotRegistered(failure), typed).await?;
    Ok((error.status(), page).into_response())
}

/// The body of a submission, whichever of the two forms it has.
struct Submitted(Typed);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        const OBJECT: &str =
            "The body must be a JSON object with the strings \"name\" and \"email\".";
        const FORM: &str = "The body must be a form with the fields name and email.";
        if is_json(request.headers()) {
            // An object by its fields' names: serde would take a list of values as well.
            let read = Json::<Map<String, Value>>::from_request(request, state).await;
            let Json(object) = read.map_err(|rejection| unreadable(rejection.status(), OBJECT))?;
            let typed = serde_json::from_value(Value::Object(object));
            typed.map(Self).map_err(|_| Error::Malformed(OBJECT.into()))
        } else {
            let read = Form::from_request(request, state).await;
            let Form(typed) = read.map_err(|rejection| unreadable(rejection.status(), FORM))?;
            Ok(Self(typed))
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let essence = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn unreadable(status: StatusCode, sentence: &str) -> Error {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::UnsupportedMediaType,
        _ => Error::Malformed(sentence.into()),
    }
}
