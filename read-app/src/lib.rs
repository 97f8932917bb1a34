//! read-app: lists the users and says which MySQL pod answered, through `mysql-read`.
//!
//! # Layout
//!
//! - [`users`]: the page and `GET /users`; both show one [`Answer`](db::Answer).
//! - [`db`]: a query through the Service, on a connection opened for it, and what it brings back:
//!   the rows, and the pod that the same connection names.
//!
//! What both apps share, from configuration to error pages, is in [`app_core`].

pub mod db;
pub mod users;

use app_core::{
    config::{About, Config},
    dns::Resolver,
    health::Health,
    page::Site,
    serve,
};
use axum::{Router, extract::FromRef};

use crate::db::ReadService;

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
    pub(crate) mysql: ReadService,
    pub(crate) site: Site,
}

/// The whole app, and its health. It is ready once a pod has answered a query.
///
/// # Errors
///
/// Where the resolver cannot be set up.
pub fn app(config: &Config) -> anyhow::Result<(Router, Health)> {
    let mysql = ReadService::new(&config.database, Resolver::new(config.dns.as_ref())?);
    let site = Site::new(&ABOUT, config);
    let health = Health::default();
    tokio::spawn(until_answered(mysql.clone(), health.clone()));
    let routes = users::routes().with_state(App { mysql, site: site.clone() });
    Ok((serve::app(routes, site, health.clone()), health))
}

async fn until_answered(mysql: ReadService, health: Health) {
    let attempt = async || mysql.newest_users().await.map(drop);
    health.ready_after("an answer from a pod", attempt).await;
}
