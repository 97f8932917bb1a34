//! write-app: registers users on the MySQL primary, `mysql-0.mysql`.
//!
//! # Tour
//!
//! - [`routes`]: the form, `POST /submit` and `POST /try-replica`: read the body, parse it, insert the user,
//!   answer as page or JSON.
//! - [`registration`]: what a name and an email are; the one parser for the form and for JSON.
//! - [`idempotency`]: the key under which a registration may be sent again.
//! - [`db`]: the primary and the statements that it is sent, what it says of a commit, and its replicas.
//! - `page`: the one page of this app: the form, the drawing of a write, and what has just happened.
//! - `metrics`: what is counted besides requests and queries.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

pub mod db;
pub mod idempotency;
mod metrics;
mod page;
#[cfg(test)]
mod properties;
pub mod registration;
pub mod routes;

use app_core::{
    config::{About, Config, MysqlConfig},
    dns::Resolver,
    html::Site,
    http::{self, health::Health, metrics::Metrics},
    mysql::Server,
};
use axum::{Router, extract::FromRef};

use crate::{
    db::{Primary, replicas::Replicas},
    metrics::Registrations,
};

/// What this app says of itself, and its defaults.
pub const ABOUT: About = About {
    name: "write-app",
    summary: "registers users on the MySQL primary",
    version: env!("CARGO_PKG_VERSION"),
    db_host: "mysql-0.mysql",
    db_user: "appuser",
    other_app: "read-app",
    other_app_port: 30001,
};

/// What the handlers share.
#[derive(Clone, FromRef)]
pub(crate) struct App {
    pub(crate) primary: Primary,
    pub(crate) replicas: Replicas,
    pub(crate) registrations: Registrations,
    pub(crate) site: Site,
}

/// The whole app, and its health. From now on it tries to reach the primary and to bring its schema
/// there; the app is ready once that has been done.
///
/// # Errors
///
/// Where the resolver or the metrics cannot be set up.
pub fn app(config: &Config) -> anyhow::Result<(Router, Health)> {
    let resolver = Resolver::new(config.dns.as_ref())?;
    let metrics = Metrics::new(&ABOUT)?;
    let primary = Primary::new(&config.database, resolver.clone(), metrics.queries());
    let replicas = Replicas::new(&config.database, resolver.clone(), metrics.queries());
    let registrations = metrics::add(&metrics, &primary)?;
    let first = config.wait_for.clone().map(|host| {
        let database = MysqlConfig { host, ..config.database.clone() };
        Server::new(&database, resolver)
    });
    let site = Site::new(&ABOUT, config);
    let health = Health::default();
    tokio::spawn(config.database.credentials.clone().follow());
    tokio::spawn(bring_schema(first, primary.clone(), health.clone()));
    let app = App { primary, replicas, registrations, site: site.clone() };
    Ok((http::app(routes::routes().with_state(app), site, health.clone(), metrics)?, health))
}

async fn bring_schema(first: Option<Server>, primary: Primary, health: Health) {
    if let Some(service) = first {
        service.wait_until_it_accepts().await;
    }
    health.ready_after("the schema on the primary", || primary.migrate()).await;
}
