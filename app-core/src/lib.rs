//! What write-app and read-app both need, and nothing that one of them alone needs.
//!
//! # Tour
//!
//! In the order in which a process, and then a request, meets them:
//!
//! - [`cli`]: `--help` and the other arguments; without arguments the app serves.
//! - [`config`]: the environment becomes one checked [`Config`](config::Config), or one message that
//!   names every problem. Account, password and certificates are part of it.
//! - [`telemetry`]: where log lines and spans go.
//! - [`server`]: accepts connections, limits them, and drains them when the process must stop
//!   (`server/shutdown.rs`).
//! - [`http`]: the layers that every request passes, the headers that every response gets, the errors, and the routes
//!   for machines, such as `/healthz` and `/metrics`.
//! - [`dns`]: names become addresses, by asking the cluster's DNS.
//! - [`mysql`]: a MySQL server or Service by its name, the pool of connections to it, and an error for each way in
//!   which it can fail. `http/error/mysql.rs` says what the client is told.
//! - [`typed_text`]: what people type and paste; forms that mean the same become one.
//! - [`html`]: the layout, the stylesheet, the glossary and the diagram of pods that both apps' pages share.

pub mod cli;
pub mod config;
pub mod dns;
pub mod html;
pub mod http;
pub mod mysql;
#[cfg(test)]
mod proptest_properties;
pub mod server;
pub mod telemetry;
pub mod typed_text;
