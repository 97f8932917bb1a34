//! read-app: lists the users and says which MySQL pod answered, through `mysql-read`.
//!
//! # Tour
//!
//! `GET /users` goes through five steps to MySQL, and each decides something:
//!
//! 1. `api/users.rs` reads the parameters, and makes the JSON of the response.
//! 2. `routing.rs` sends the read to one of the two Services, and tries again when a pod does not answer.
//! 3. `routing/service.rs` or `routing/headless.rs` gets a connection, new or kept, from [`app_core::mysql`].
//! 4. `db.rs` asks the pod who it is, and waits until it has the transactions that the client must see.
//! 5. `db/users.rs` has the statements, and `User`, the fields of a user in SQL and in JSON.
//!
//! The modules:
//!
//! - [`routing`] shows what this project teaches. Two Services lead to the same pods: `mysql-read` has one address,
//!   and the cluster picks a pod; the headless `mysql` has all addresses, and `routing/strategy.rs` picks.
//!   `routing/mode.rs` has the choices of a client, and `routing/watch.rs` looks at each pod.
//! - [`db`]: one read on one connection, so the pod that is named is the pod that listed the users.
//! - [`api`]: `GET /users`, `/pods` and `/names` (what DNS answers), for programs.
//! - [`page`]: `GET /`, for people: the dots, the drawing, the evidence, the sentences that explain them.
//! - [`metrics`]: what is counted besides requests and queries.
//!
//! The table of users is made by write-app, in `write-app/migrations`.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

mod api;
mod db;
mod metrics;
mod page;
#[cfg(test)]
mod proptest_properties;
mod routing;
mod times;

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
    let attempt = async || {
        let read = reads.read(&Mode::default(), ReadRequest::default()).await;
        read.map(|_| String::new())
    };
    health.ready_after("an answer from a pod", attempt).await;
}
