//! No answer tells what only the log may: every error, with a mark in all that it carries of the inside.

use std::{io, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware,
};
use tower::ServiceExt as _;

use crate::{
    config::{ABOUT, Config},
    dns::DnsError,
    html::Site,
    http::{
        error::{Error, FieldProblem, causes},
        problem,
    },
    mysql::{MysqlError, pod_name::PodName},
};

/// Stands in every text of the inside, and needs no escape in a page or in JSON.
const MARK: &str = "mark-of-the-inside";

fn source() -> sqlx::Error {
    sqlx::Error::Io(io::Error::other(MARK))
}

fn database_errors() -> Vec<MysqlError> {
    use MysqlError as E;
    let server = || MARK.to_owned();
    let unreachable = E::Unreachable { server: server(), source: source() };
    vec![
        E::Name(DnsError::NoAddress(server())),
        E::Untrusted { server: server(), source: source() },
        E::AccessDenied(source()),
        E::DiskFull(Some(source())),
        E::TooManyConnections(source()),
        E::ReadOnly(source()),
        E::SchemaMissing(source()),
        E::Duplicate(source()),
        E::ConnectionLost(source()),
        E::Busy,
        E::Deadline(Duration::from_secs(1)),
        E::NoReplica { service: server(), source: Some(Box::new(unreachable)) },
        E::Unreachable { server: server(), source: source() },
        E::Other(sqlx::Error::Protocol(server())),
    ]
}

/// Says at compile time that the list above, or the one below, lacks a variant that is new.
fn must_be_listed(error: &Error) {
    use MysqlError as E;
    match error {
        Error::Database(error) | Error::OutcomeUnknown(error) => match error {
            E::Name(_) | E::Untrusted { .. } | E::AccessDenied(_) | E::TooManyConnections(_) => {}
            E::ReadOnly(_) | E::SchemaMissing(_) | E::Duplicate(_) | E::ConnectionLost(_) => {}
            E::Busy | E::Deadline(_) | E::NoReplica { .. } | E::Unreachable { .. } => {}
            E::DiskFull(_) | E::Other(_) => {}
        },
        Error::Malformed(_) | Error::CrossSite | Error::NotFound | Error::MethodNotAllowed => {}
        Error::RequestTimeout | Error::TooLarge | Error::UnsupportedMediaType => {}
        Error::Invalid(_) | Error::Conflict(_) | Error::ReplicaBehind { .. } => {}
        Error::NotAcceptable
        | Error::Overloaded
        | Error::IdempotencyKeyReused
        | Error::Internal(_) => {}
    }
}

fn errors() -> Vec<Error> {
    // These texts are written for the client.
    let sentence = || "A sentence.".to_owned();
    let problem = || FieldProblem { field: "email", message: sentence() };
    let mut errors = vec![
        Error::Malformed(sentence()),
        Error::CrossSite,
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::NotAcceptable,
        Error::RequestTimeout,
        Error::TooLarge,
        Error::UnsupportedMediaType,
        Error::Invalid(vec![problem()]),
        Error::Conflict(problem()),
        Error::ReplicaBehind { pod: PodName::new("mysql-1".into()), transactions: 1 },
        Error::IdempotencyKeyReused,
        Error::Overloaded,
        Error::OutcomeUnknown(MysqlError::ConnectionLost(source())),
        Error::Internal(MARK.into()),
    ];
    errors.extend(database_errors().into_iter().map(Error::from));
    errors.iter().for_each(must_be_listed);
    errors
}

/// The whole answer to a request that ends in one of these errors: status, headers and body.
async fn answer(which: usize, accept: &str) -> (StatusCode, String) {
    let config = Config::from_variables(&ABOUT, [("DB_PASSWORD".into(), MARK.into())]).unwrap();
    let fails = move || async move { errors().swap_remove(which) };
    let render = middleware::from_fn_with_state(Site::new(&ABOUT, &config), problem::render);
    let app: Router = Router::new().fallback(fails).layer(render);
    let request = Request::get("/").header("accept", accept).body(Body::empty()).unwrap();
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, format!("{:?} {}", head.headers, String::from_utf8_lossy(&body)))
}

#[tokio::test]
async fn no_error_tells_anything_of_the_inside_in_json_or_in_a_page() {
    let errors = errors();
    for (which, error) in errors.iter().enumerate() {
        for accept in ["application/json", "text/html"] {
            let (status, answer) = answer(which, accept).await;
            assert_eq!(status, error.status());
            let sentence = error.message().replace('\'', "&#39;");
            assert!(answer.replace('\'', "&#39;").contains(&sentence), "{answer}");
            assert!(!answer.contains(MARK), "{error:?}: {answer}");
        }
    }
    let marked = errors.iter().filter(|error| causes(*error).contains(MARK)).count();
    assert_eq!(marked, 14, "the log tells what the answer does not");
}
