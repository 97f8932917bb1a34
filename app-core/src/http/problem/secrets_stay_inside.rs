//! No error response shows what only the log may hold. Each error here has a mark in all its inner texts, and
//! no response may contain the mark.

use std::{io, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::Request,
    http::StatusCode,
    middleware,
};
use hickory_resolver::net::NetError;
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

/// Stands in every inner text, and needs no escape in a page or in JSON.
const MARK: &str = "only-for-the-log";

fn source() -> sqlx::Error {
    sqlx::Error::Io(io::Error::other(MARK))
}

fn database_errors() -> Vec<MysqlError> {
    use MysqlError as E;
    let server = || MARK.to_owned();
    let unreachable = E::Unreachable { server: server(), source: source() };
    vec![
        E::Name(DnsError::NoAddress(server())),
        E::Name(DnsError::NoAnswer {
            host: server(),
            server: server(),
            source: Box::new(NetError::Timeout),
        }),
        E::Untrusted { server: server(), source: source() },
        E::AccessDenied(source()),
        E::DiskFull(Some(source())),
        E::TooManyConnections(source()),
        E::ReadOnly(source()),
        E::SchemaMissing(source()),
        E::SchemaDiffers(server()),
        E::Duplicate(source()),
        E::LockWait(source()),
        E::Deadlock(source()),
        E::ConnectionLost(source()),
        E::Busy,
        E::Deadline(Duration::from_secs(1)),
        E::NoReplica { service: server(), source: Some(Box::new(unreachable)) },
        E::Unreachable { server: server(), source: source() },
        E::Other(sqlx::Error::Protocol(server())),
    ]
}

/// Does not compile where an error has a new variant: add it here, and to `errors` or `database_errors`.
fn must_be_listed(error: &Error) {
    use MysqlError as E;
    match error {
        Error::Database(error) | Error::OutcomeUnknown(error) => match error {
            E::Name(DnsError::NoAddress(_) | DnsError::NoAnswer { .. }) => {}
            E::Untrusted { .. } | E::AccessDenied(_) | E::TooManyConnections(_) => {}
            E::ReadOnly(_) | E::SchemaMissing(_) | E::Duplicate(_) | E::ConnectionLost(_) => {}
            E::Busy | E::Deadline(_) | E::NoReplica { .. } | E::Unreachable { .. } => {}
            E::DiskFull(_) | E::SchemaDiffers(_) | E::LockWait(_) | E::Deadlock(_) => {}
            E::Other(_) => {}
        },
        Error::Malformed(_) | Error::CrossSite { .. } => {}
        Error::NotFound | Error::MethodNotAllowed => {}
        Error::RequestTimeout | Error::TooLarge | Error::UnsupportedMediaType(_) => {}
        Error::Invalid(_) | Error::Conflict(_) | Error::ReplicaBehind { .. } => {}
        Error::NotAcceptable
        | Error::Overloaded
        | Error::IdempotencyKeyReused
        | Error::Internal(_) => {}
    }
}

fn errors() -> Vec<Error> {
    // The messages of these errors are written for the client.
    let sentence = || "A sentence.".to_owned();
    let problem = || FieldProblem { field: "email", message: sentence() };
    let mut errors = vec![
        Error::Malformed(sentence()),
        Error::CrossSite { origin: "http://a".into(), host: "b".into() },
        Error::NotFound,
        Error::MethodNotAllowed,
        Error::NotAcceptable,
        Error::RequestTimeout,
        Error::TooLarge,
        Error::UnsupportedMediaType(sentence()),
        Error::Invalid(vec![problem()]),
        Error::Conflict(problem()),
        Error::ReplicaBehind { pod: PodName::new("mysql-1".into()), transactions: Some(1) },
        Error::IdempotencyKeyReused,
        Error::Overloaded,
        Error::OutcomeUnknown(MysqlError::ConnectionLost(source())),
        Error::Internal(MARK.into()),
    ];
    errors.extend(database_errors().into_iter().map(Error::from));
    errors.iter().for_each(must_be_listed);
    errors
}

/// The response to a request that fails with this error: its status, and its headers and body as text.
async fn response(index: usize, accept: &str) -> (StatusCode, String) {
    let config = Config::from_variables(&ABOUT, [("DB_PASSWORD".into(), MARK.into())]).unwrap();
    let fails = move || async move { errors().swap_remove(index) };
    let render = middleware::from_fn_with_state(Site::new(&ABOUT, &config), problem::render);
    let app: Router = Router::new().fallback(fails).layer(render);
    let request = Request::get("/").header("accept", accept).body(Body::empty()).unwrap();
    let (head, body) = app.oneshot(request).await.unwrap().into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    (head.status, format!("{:?} {}", head.headers, String::from_utf8_lossy(&body)))
}

#[tokio::test]
async fn no_error_response_shows_what_only_the_log_may_hold() {
    let errors = errors();
    for (index, error) in errors.iter().enumerate() {
        for accept in ["application/json", "text/html"] {
            let (status, response) = response(index, accept).await;
            assert_eq!(status, error.status());
            let sentence = error.message().replace('\'', "&#39;");
            assert!(response.replace('\'', "&#39;").contains(&sentence), "{response}");
            assert!(!response.contains(MARK), "{error:?}: {response}");
        }
    }
    let marked = errors.iter().filter(|error| causes(*error).contains(MARK)).count();
    assert_eq!(marked, 18, "the log holds what the response does not show");
}
