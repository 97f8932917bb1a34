//! read-app: lists the users and says which MySQL pod answered, through `mysql-read`.
//!
//! # Layout
//!
//! What a request passes, in order:
//!
//! - [`params`]: its query string, read and checked once for the page and for the API.
//! - [`reads`]: a question to MySQL through one of the two doors: `mysql-read`, or the headless `mysql`
//!   with a strategy of our own. Whom they lead to is watched there too.
//! - [`db`]: the statements, and what one connection says: who it is, whether it is fresh, the users.
//! - [`live`]: the page `/`: dots, shares, the diagram. [`dots`] is its memory, [`explain`] its
//!   sentences, [`times`] how it writes times.
//! - `metrics`: what is measured besides requests and queries.
//! - [`users`], [`pods`], [`names`]: `GET /users`, `/pods` and `/names`, for programs, and what the page
//!   shows of the same.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

pub mod db;
mod dots;
mod explain;
mod live;
mod metrics;
mod names;
mod params;
mod pods;
#[cfg(test)]
mod properties;
pub mod reads;
mod times;
mod users;

use app_core::{
    config::{About, Config},
    dns::Resolver,
    health::Health,
    metrics::Metrics,
    page::Site,
    serve,
};
use axum::{Router, extract::FromRef};

use crate::{
    db::Question,
    names::Names,
    reads::{Reads, mode::Mode},
};

/// What this app says of itself, and its defaults.
pub const ABOUT: About = About {
    name: "read-app",
    summary: "lists users and says which MySQL pod answered",
    version: env!("CARGO_PKG_VERSION"),
    db_host: "mysql-read",
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
    let routes = live::routes()
        .merge(users::routes())
        .merge(pods::routes())
        .merge(names::routes())
        .with_state(app);
    Ok((serve::app(routes, site, health.clone(), metrics)?, health))
}

async fn until_answered(reads: Reads, health: Health) {
    let attempt = async || reads.ask(&Mode::default(), Question::default()).await.map(drop);
    health.ready_after("an answer from a pod", attempt).await;
}
