//! What write-app and read-app share, and nothing that one of them alone needs.
//!
//! # Layout
//!
//! In the order in which a process, and then a request, meets them:
//!
//! - [`command_line`]: `--help` and its kin, or to serve.
//! - [`config`]: the environment becomes one checked [`Config`](config::Config), or one message
//!   that names every problem.
//! - [`telemetry`]: where log lines go, in which form, and where spans go.
//! - [`serve`]: connections are accepted, wrapped in the layers that every request passes, and
//!   drained when the process is told to stop.
//! - [`health`]: what Kubernetes asks: is the process alive, may it get requests?
//! - `observe`: what is written down of each request; [`metrics`], what is counted and measured;
//!   `trace_context`, which trace a request belongs to.
//! - `openapi`: the description of all routes; `version`: what runs.
//! - [`dns`]: names become addresses, by asking the cluster's DNS itself; `look_up`, the same for a person.
//! - [`credentials`]: account and password, read again where they come from files.
//! - [`tls`]: TLS to MySQL, and who must have signed a server's certificate.
//! - [`database`]: a named MySQL server or Service, connections to it, and a name for each way in
//!   which that can fail.
//! - [`gtid`]: which transactions a server has, or a client asks for.
//! - [`request_id`]: the id that a request has in its answer and in the log.
//! - [`answer_form`]: whether a client wants a page or JSON.
//! - [`error`]: every failure becomes a status, a stable code and a sentence; a page or JSON.
//! - [`pod`]: the name of the pod that served.
//! - [`diagram`]: the pods in the pictures of both pages.
//! - [`page`]: the frame, the stylesheet and the links that both pages share; `glossary`: their words.

pub mod answer_form;
pub mod command_line;
pub mod config;
pub mod credentials;
pub mod database;
pub mod diagram;
pub mod dns;
pub mod error;
mod glossary;
pub mod gtid;
pub mod health;
mod look_up;
pub mod metrics;
mod observe;
mod openapi;
pub mod page;
pub mod pod;
#[cfg(test)]
mod properties;
pub mod request_id;
pub mod serve;
#[cfg(test)]
mod silence;
pub mod telemetry;
pub mod tls;
mod trace_context;
mod version;
