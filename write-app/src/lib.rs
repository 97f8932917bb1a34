//! write-app: registers users on the MySQL primary, `mysql-0.mysql`.
//!
//! # Tour
//!
//! A write passes these files in this order:
//!
//! 1. `routes/register.rs`: `POST /submit` answers with a page or JSON. `routes/submitted.rs` reads its body, a form or
//!    JSON.
//! 2. `registration/name.rs` and `registration/email.rs` decide what a name and an email are; `idempotency.rs` when a
//!    registration is sent again.
//! 3. `db.rs` takes a connection to the primary from the pool of [`app_core::mysql`], and limits how long the write
//!    may take.
//! 4. `db/insert.rs` sends the INSERT.
//!
//! Then `db/commit.rs` asks MySQL for the commit's GTID, and whether a replica acknowledged it.
//!
//! Besides:
//!
//! - `routes/try_replica.rs` and `db/replicas.rs`: `POST /try-replica`, a write that a replica refuses.
//! - `db/disk_full.rs`: how write-app notices that the primary's volume is full.
//! - `db/migrate.rs` applies the migrations when the app starts.
//! - `page.rs`: the app's one page, with the form, the drawing of a write, and what has just happened.
//!   `page/flash.rs` is what a browser is shown once, after the redirect.
//! - `metrics.rs`: what the app counts besides requests and queries.
//!
//! What both apps share, from the configuration to the error pages, is in [`app_core`].

mod db;
mod idempotency;
mod metrics;
mod page;
#[cfg(test)]
mod proptest_properties;
mod registration;
mod routes;

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

/// The app's name, and its defaults.
pub const ABOUT: About = About {
    name: "write-app",
    summary: "registers users on the MySQL primary",
    version: env!("CARGO_PKG_VERSION"),
    db_host: "mysql-0.mysql",
    db_user: "appuser",
    other_app: "read-app",
    other_app_port: 30001,
};

/// The state that the handlers share.
#[derive(Clone, FromRef)]
pub(crate) struct App {
    pub(crate) primary: Primary,
    pub(crate) replicas: Replicas,
    pub(crate) registrations: Registrations,
    pub(crate) site: Site,
}

/// The whole app, and its health. It begins at once to migrate the primary, and tries again until it
/// succeeds. Only then is the app ready.
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
    let wait_for = config.wait_for.clone().map(|host| {
        let database = MysqlConfig { host, ..config.database.clone() };
        Server::new(&database, resolver)
    });
    let site = Site::new(&ABOUT, config);
    let health = Health::default();
    tokio::spawn(config.database.credentials.clone().follow());
    tokio::spawn(migrate(wait_for, primary.clone(), health.clone()));
    let app = App { primary, replicas, registrations, site: site.clone() };
    Ok((http::app(routes::routes().with_state(app), site, health.clone(), metrics)?, health))
}

async fn migrate(wait_for: Option<Server>, primary: Primary, health: Health) {
    if let Some(service) = wait_for {
        service.wait_until_it_accepts().await;
    }
    health.ready_after("the schema on the primary", || primary.migrate()).await;
}
