//! The page: the form, where a registration will go, and above both what has just happened.

mod diagram;
pub(crate) mod flash;

use app_core::{
    html::{self, Layout},
    http::error::{Error, FieldProblem},
    mysql::pod_name::PodName,
};
use askama::Template;
use axum::response::Response;

use crate::{
    App,
    db::{
        Primary,
        replicas::{ATTEMPT, Attempt, pod_and_service},
    },
    idempotency::IdempotencyKey,
    page::{diagram::Picture, flash::Receipt},
    registration::Typed,
};

/// What stands at the top of the page.
pub(crate) enum News<'a> {
    Nothing,
    Registered(Receipt),
    NotRegistered(Failure<'a>),
    Attempted(Attempt),
}

/// Why nobody was registered.
pub(crate) struct Failure<'a> {
    pub(crate) message: String,
    pub(crate) fields: &'a [FieldProblem],
    pub(crate) request_id: String,
    /// Whether the user may be registered all the same.
    pub(crate) is_unknown: bool,
}

impl<'a> Failure<'a> {
    pub(crate) fn new(error: &'a Error, request_id: String) -> Self {
        Self {
            message: error.message(),
            fields: error.fields(),
            request_id,
            is_unknown: error.leaves_outcome_unknown(),
        }
    }
}

#[derive(Template)]
#[template(path = "register.html")]
struct RegisterPage<'a> {
    layout: Layout,
    news: News<'a>,
    typed: &'a Typed,
    /// The key that the form will be sent under.
    key: String,
    /// The name that writes go to, and the address it stands for at this moment.
    host: &'a str,
    address: Result<String, String>,
    picture: Option<Picture>,
}

/// The page at this moment.
pub(crate) async fn show(
    App { primary, replicas, .. }: &App,
    layout: Layout,
    news: News<'_>,
    typed: &Typed,
) -> Result<Response, Error> {
    let host = primary.host();
    let (address, replicas) = tokio::join!(address_of(primary), replicas.names());
    let picture = Picture::new(host, address.as_deref().ok(), &replicas, &news);
    let key = key_for(&news, typed);
    Ok(html::respond(&RegisterPage { layout, news, typed, key, host, address, picture })?)
}

/// A form whose outcome is unknown keeps its key: sent again, it registers nobody twice.
fn key_for(news: &News<'_>, typed: &Typed) -> String {
    match news {
        News::NotRegistered(Failure { is_unknown: true, .. }) => typed.idempotency_key.clone(),
        _ => IdempotencyKey::new_random().as_str().to_owned(),
    }
}

/// The primary's address at this moment, or a sentence that says why there is none.
async fn address_of(primary: &Primary) -> Result<String, String> {
    let address = primary.address().await;
    address.map(|address| address.ip().to_string()).map_err(|error| Error::from(error).message())
}

impl RegisterPage<'_> {
    fn problem(&self, field: &str) -> Option<&str> {
        let News::NotRegistered(Failure { fields, .. }) = &self.news else { return None };
        fields.iter().find(|problem| problem.field == field).map(|problem| problem.message.as_str())
    }

    /// bootstrap.sh gives the roles by the pod's name alone: ordinal 0 is the primary, always.
    fn role(&self) -> &'static str {
        let (pod, _) = pod_and_service(self.host);
        match PodName::new(pod.to_owned()).ordinal() {
            "" => "",
            "0" => "primary",
            _ => "replica",
        }
    }
}
