//! read-app: lists the users and says which MySQL pod answered, through `mysql-read`.
//!
//! # Tour
//!
//! `GET /users` passes five files on its way to MySQL, and each decides something:
//!
//! - `api/users.rs`, which users, and what the pod must have applied;
//! - `routing.rs`, whether to try again;
//! - `routing/service.rs` or `routing/headless.rs`, which pod;
//! - `db.rs` and `db/users.rs`, which statements;
//! - [`app_core::mysql`], which connection, a new one or a kept one.
//!
//! The modules:
//!
//! - [`routing`]: **the lesson**. Two Services lead to the same pods: `mysql-read` has one address, and the
//!   cluster picks a pod; the headless `mysql` has all addresses, and this app picks.
//! - [`db`]: one read on one connection: the pod that is named and the users come from the same connection.
//! - [`api`]: `GET /users`, `/pods` and `/names`, for programs.
//! - [`page`]: `GET /`, for people: the dots, the drawing, the evidence, the sentences that explain them.
//! - [`metrics`]: what is counted besides requests and queries.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

mod api;
mod db;
mod metrics;
mod page;
#[cfg(test)]
mod properties;
mod routing;

use app_core::{
    config::{About, Config},
    dns::Resolver,
    html::Site,
    http::{self, health::Health, metrics::Metrics},
};
use axum::{Router, extract::FromRef};

use crate::{
    api::dns::Names,
    db::ReadRequest,
    routing::{
        Reads,
        mode::{Mode, Via},
    },
};

/// What this app says of itself, and its defaults.
pub const ABOUT: About = About {
    name: "read-app",
    summary: "lists users and says which MySQL pod answered",
    version: env!("CARGO_PKG_VERSION"),
    db_host: Via::MysqlRead.name(),
    db_user: "reader",
    other_app: "write-app",
    other_app_port: 30000,
};

/// What the handlers share.
#[derive(Clone, FromRef)]
pub(crate) struct App {
    pub(crate) reads: Reads,
    pub(crate) names: Names,
    pub(crate) site: Site,
}

/// The whole app, and its health. It is ready once a pod has answered a query.
///
/// # Errors
///
/// Where the resolver or the metrics cannot be set up.
pub fn app(config: &Config) -> anyhow::Result<(Router, Health)> {
    let metrics = Metrics::new(&ABOUT)?;
    let resolver = Resolver::new(config.dns.as_ref())?;
    let reads = Reads::new(config, resolver, metrics.queries());
    metrics::add(&metrics, &reads)?;
    let site = Site::new(&ABOUT, config);
    let health = Health::default();
    tokio::spawn(config.database.credentials.clone().follow());
    tokio::spawn(until_answered(reads.clone(), health.clone()));
    let app = App { names: Names::new(&reads), reads, site: site.clone() };
    let routes = page::routes().merge(api::routes()).with_state(app);
    Ok((http::app(routes, site, health.clone(), metrics)?, health))
}

async fn until_answered(reads: Reads, health: Health) {
    let attempt = async || reads.read(&Mode::default(), ReadRequest::default()).await.map(drop);
    health.ready_after("an answer from a pod", attempt).await;
}
