//! write-app: registers users on the MySQL primary, `mysql-0.mysql`.
//!
//! # Layout
//!
//! - [`register`]: the page with the form and `POST /submit`; what a request passes through, in
//!   order: read the body, parse it into a [`Registration`](registration::Registration), insert it,
//!   answer as page or JSON.
//! - [`registration`]: what a name and an email are; the one parser for the form and for JSON.
//! - [`db`]: the primary and the two statements it is sent; the schema is in `migrations/`.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

pub mod db;
pub mod register;
pub mod registration;

use app_core::{
    config::{About, Config},
    dns::Resolver,
    health::Health,
    page::Site,
    serve,
};
use axum::{Router, extract::FromRef};

use crate::db::Primary;

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
    pub(crate) site: Site,
}

/// The whole app, and its health. From now on it tries to reach the primary and to bring its schema
/// there; the app is ready once that has been done.
///
/// # Errors
///
/// Where the resolver cannot be set up.
pub fn app(config: &Config) -> anyhow::Result<(Router, Health)> {
    let primary = Primary::new(&config.database, Resolver::new(config.dns.as_ref())?);
    let site = Site::new(&ABOUT, config);
    let health = Health::default();
    tokio::spawn(bring_schema(primary.clone(), health.clone()));
    let routes = register::routes().with_state(App {
        primary,
        site: site.clone(),
    });
    Ok((serve::app(routes, site, health.clone()), health))
}

/// Tries until the primary has the schema. MySQL may be minutes away when this process starts, and a
/// process that waits is worth more than one that ends and is started again.
async fn bring_schema(primary: Primary, health: Health) {
    while let Err(error) = primary.migrate().await {
        tracing::warn!(%error, cause = ?std::error::Error::source(&error), "the schema is not on the primary yet; trying again in 1 s");
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    tracing::info!("the schema is on the primary");
    health.reached_mysql();
}
