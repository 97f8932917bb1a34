//! The page with the form, and `POST /submit`.
//!
//! A browser is redirected after a registration, so that reloading the page registers nobody twice;
//! what happened travels to the next page in a cookie that is shown once. When something is wrong,
//! the form comes back with what was typed. Programs get JSON, for success and for failure.

use app_core::{
    error::{self, Error, FieldProblem},
    page::{self, Layout},
    pod::PodName,
    request_id,
};
use askama::Template;
use axum::{
    Form, Json, Router,
    extract::{FromRequest, Request, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use axum_extra::extract::{
    CookieJar,
    cookie::{Cookie, SameSite},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    App,
    db::{Primary, Registered},
    registration::{Registration, Typed},
};

/// Name of the cookie that carries a registration over the redirect.
const RECEIPT_COOKIE: &str = "registered";

/// The routes of this page.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/", get(show)).route("/submit", post(submit))
}

/// What a browser is told once, after the redirect. It comes back from the browser, so it is text to
/// show to that one person and nothing more.
#[derive(Debug, Deserialize, Serialize)]
struct Receipt {
    id: u64,
    name: String,
    pod: PodName,
}

/// The JSON answer. The first two fields are what clients have always relied on.
#[derive(Serialize)]
struct RegisteredBody {
    success: bool,
    message: &'static str,
    id: u64,
    pod: PodName,
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage<'a> {
    layout: Layout,
    /// The name that writes go to, and the address it stands for at this moment.
    host: &'a str,
    address: Result<String, String>,
    receipt: Option<Receipt>,
    typed: &'a Typed,
    failure: Option<&'a Failure<'a>>,
}

struct Failure<'a> {
    message: String,
    fields: &'a [FieldProblem],
    request_id: String,
}

impl RegisterPage<'_> {
    fn problem(&self, field: &str) -> Option<&str> {
        let problems = self.failure?.fields;
        problems
            .iter()
            .find(|problem| problem.field == field)
            .map(|problem| problem.message.as_str())
    }
}

async fn show(
    State(primary): State<Primary>,
    layout: Layout,
    jar: CookieJar,
) -> Result<(CookieJar, Response), Error> {
    let receipt =
        jar.get(RECEIPT_COOKIE).and_then(|cookie| serde_urlencoded::from_str(cookie.value()).ok());
    let page = RegisterPage {
        layout,
        host: primary.host(),
        address: address_of(&primary).await,
        receipt,
        typed: &Typed::default(),
        failure: None,
    };
    Ok((jar.remove(Cookie::build(RECEIPT_COOKIE).path("/")), page::respond(&page)?))
}

async fn submit(
    State(primary): State<Primary>,
    layout: Layout,
    headers: HeaderMap,
    jar: CookieJar,
    Submitted(typed): Submitted,
) -> Result<Response, Error> {
    let registered = register(&primary, &typed).await;
    if !page::is_wanted_by(&headers) {
        let Registered { id, pod } = registered?;
        let body =
            RegisteredBody { success: true, message: "User registered successfully!", id, pod };
        return Ok(Json(body).into_response());
    }
    match registered {
        Ok(registered) => {
            let receipt = Receipt {
                id: registered.id,
                name: typed.name.trim().to_owned(),
                pod: registered.pod,
            };
            Ok((jar.add(receipt.cookie()?), Redirect::to("/")).into_response())
        }
        Err(error) => form_again(&primary, layout, &headers, &typed, &error).await,
    }
}

async fn register(primary: &Primary, typed: &Typed) -> Result<Registered, Error> {
    use app_core::database::DatabaseError::Duplicate;
    let registration = Registration::parse(typed).map_err(Error::Invalid)?;
    primary.register(registration).await.map_err(|error| match error {
        Duplicate(_) => Error::Conflict(FieldProblem {
            field: "email",
            message: "This email is registered already.".into(),
        }),
        other => other.into(),
    })
}

/// The form with what was typed, what is wrong with it, and the true status.
async fn form_again(
    primary: &Primary,
    layout: Layout,
    headers: &HeaderMap,
    typed: &Typed,
    error: &Error,
) -> Result<Response, Error> {
    let request_id = request_id::of(headers);
    error::log(error, &request_id);
    let failure = Failure { message: error.message(), fields: error.fields(), request_id };
    let page = RegisterPage {
        layout,
        host: primary.host(),
        address: address_of(primary).await,
        receipt: None,
        typed,
        failure: Some(&failure),
    };
    Ok((error.status(), page::respond(&page)?).into_response())
}

/// The primary's address at this moment, or a sentence that says why there is none.
async fn address_of(primary: &Primary) -> Result<String, String> {
    let address = primary.address().await;
    address.map(|address| address.ip().to_string()).map_err(|error| Error::from(error).message())
}

impl Receipt {
    fn cookie(&self) -> Result<Cookie<'static>, Error> {
        let value = serde_urlencoded::to_string(self)
            .map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Cookie::build((RECEIPT_COOKIE, value))
            .path("/")
            .http_only(true)
            .same_site(SameSite::Strict)
            .build())
    }
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
