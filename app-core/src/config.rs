//! The process's environment, checked once, before anything starts.
//!
//! Every variable may also be given as `NAME_FILE`, the path of a file that holds the value: that is
//! how a mounted Secret arrives. All problems are reported together, by the variable's own name. A
//! value is never printed: it might be a secret in the wrong place.

pub mod credentials;
mod spans;
pub mod tls_ca;
mod values;
mod variables;

use std::{
    ffi::OsString,
    fmt,
    net::{Ipv4Addr, SocketAddr},
};

use serde::Deserialize;
use tracing_subscriber::filter::Targets;

pub(crate) use self::values::read_file;
use self::values::{Environment, parse};
pub use self::{
    spans::SpansConfig,
    variables::{VARIABLES, Variable},
};
use crate::config::{
    credentials::{Credentials, Value},
    tls_ca::TlsCa,
};

/// What an app says of itself, and the defaults that are its own.
#[derive(Debug)]
pub struct About {
    /// Name of the binary, the image and the Deployment, such as `write-app`.
    pub name: &'static str,
    /// One sentence for `--help`.
    pub summary: &'static str,
    /// The app's version, from its Cargo.toml.
    pub version: &'static str,
    /// The Service or pod whose name it connects to, such as `mysql-0.mysql`.
    pub db_host: &'static str,
    /// The MySQL account it uses.
    pub db_user: &'static str,
    /// Name of the other app, which its page links to.
    pub other_app: &'static str,
    /// NodePort of the other app.
    pub other_app_port: u16,
}

/// A checked configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port to serve on.
    pub listen: SocketAddr,
    /// The MySQL server or Service to talk to.
    pub database: MysqlConfig,
    /// A Service to wait for at the start, before the server's name is first looked up.
    pub wait_for: Option<String>,
    /// The headless Service, where it is not the default.
    pub headless_host: Option<String>,
    /// The DNS server to ask, where it is not the system's.
    pub dns: Option<DnsConfig>,
    /// Where the other app's page is, where it is not beside this one.
    pub other_app_url: Option<String>,
    /// What is logged, in the form of [`Targets`].
    pub log: Targets,
    /// Where spans go, if anywhere.
    pub spans: Option<SpansConfig>,
}

/// How to reach MySQL.
#[derive(Clone, Debug)]
pub struct MysqlConfig {
    /// Name or address of a server or Service, such as `mysql-0.mysql`.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// MySQL account and password.
    pub credentials: Credentials,
    /// Who must have signed the server's certificate, where that matters.
    pub tls_ca: Option<TlsCa>,
    /// Database (schema) name.
    pub name: String,
}

/// A DNS server in place of the system's.
#[derive(Clone, Debug)]
pub struct DnsConfig {
    /// Its address and port.
    pub server: SocketAddr,
    /// Domains to try after a short name, in order.
    pub search: Vec<String>,
}

/// Everything that is wrong with the environment, a line each.
#[derive(Debug)]
pub struct Problems(Vec<String>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not usable:")?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

/// The variables as they come; which may be missing is decided in one place, [`Config::from_variables`].
#[derive(Deserialize)]
struct Raw {
    db_host: Option<String>,
    db_port: Option<String>,
    db_user: Option<String>,
    db_password: Option<String>,
    db_name: Option<String>,
    db_tls_ca: Option<String>,
    db_wait_for: Option<String>,
    db_headless_host: Option<String>,
    listen: Option<String>,
    other_app_url: Option<String>,
    dns_server: Option<String>,
    dns_search: Option<String>,
    rust_log: Option<String>,
    otel_exporter_otlp_endpoint: Option<String>,
    otel_service_name: Option<String>,
}

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in one message.
    pub fn from_env(about: &About) -> Result<Self, Problems> {
        Self::from_variables(about, std::env::vars_os())
    }

    /// Reads the given variables; those that are not in [`VARIABLES`] are passed over.
    ///
    /// # Errors
    ///
    /// All that is wrong with them, in one message.
    pub fn from_variables(
        about: &About,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let mut problems = Problems(Vec::new());
        let environment = Environment::new(variables);
        let found = environment.known_variables(&mut problems);
        // Every field is an optional string, so envy can find nothing wrong and has nothing to echo:
        // its own messages print values, which may be secrets.
        let raw: Raw = match envy::from_iter(found) {
            Ok(raw) => raw,
            Err(error) => return Err(Problems(vec![error.to_string()])),
        };
        let config = raw.check(about, &environment, &mut problems);
        if problems.0.is_empty() { Ok(config) } else { Err(problems) }
    }
}

impl Raw {
    fn check(self, about: &About, environment: &Environment, problems: &mut Problems) -> Config {
        Config {
            listen: self
                .listen
                .as_deref()
                .and_then(|text| {
                    parse("LISTEN", "an address and a port, such as 0.0.0.0:5000", text, problems)
                })
                .unwrap_or_else(|| (Ipv4Addr::UNSPECIFIED, 5000).into()),
            dns: self.dns(problems),
            log: self.log(problems),
            spans: SpansConfig::check(
                self.otel_exporter_otlp_endpoint.as_deref(),
                self.otel_service_name.as_deref().unwrap_or(about.name),
                problems,
            ),
            database: self.database(about, environment, problems),
            wait_for: self.db_wait_for,
            headless_host: self.db_headless_host,
            other_app_url: self.other_app_url,
        }
    }

    fn database(
        &self,
        about: &About,
        environment: &Environment,
        problems: &mut Problems,
    ) -> MysqlConfig {
        let or =
            |value: &Option<String>, default: &str| value.as_deref().unwrap_or(default).to_owned();
        let port = self
            .db_port
            .as_deref()
            .and_then(|text| parse("DB_PORT", "a port from 0 to 65535", text, problems));
        let tls_ca = self.db_tls_ca.as_deref().and_then(|text| {
            parse("DB_TLS_CA", "certificates in PEM, -----BEGIN CERTIFICATE-----", text, problems)
        });
        MysqlConfig {
            host: or(&self.db_host, about.db_host),
            port: port.unwrap_or(3306),
            credentials: self.credentials(about, environment, problems),
            tls_ca,
            name: or(&self.db_name, "userdb"),
        }
    }

    fn credentials(
        &self,
        about: &About,
        environment: &Environment,
        problems: &mut Problems,
    ) -> Credentials {
        if self.db_password.is_none()
            && !problems.0.iter().any(|problem| problem.starts_with("DB_PASSWORD"))
        {
            problems.0.push("DB_PASSWORD is not set; give it, or DB_PASSWORD_FILE".to_owned());
        }
        let value = |value: &Option<String>, default: &str, file_variable| {
            let value = value.as_deref().unwrap_or(default);
            Value::new(value, file_variable, environment.path(file_variable))
        };
        Credentials::new(
            value(&self.db_user, about.db_user, "DB_USER_FILE"),
            value(&self.db_password, "", "DB_PASSWORD_FILE"),
        )
    }

    fn log(&self, problems: &mut Problems) -> Targets {
        let filter = self.rust_log.as_deref().unwrap_or("info");
        // Nothing, as after a last comma, would stand for every target there is.
        let filter: Vec<_> = filter.split(',').filter(|one| !one.is_empty()).collect();
        let expected = "a filter such as info or info,sqlx=debug";
        parse("RUST_LOG", expected, &filter.join(","), problems).unwrap_or_default()
    }

    fn dns(&self, problems: &mut Problems) -> Option<DnsConfig> {
        let server = self.dns_server.as_deref().and_then(|text| {
            parse("DNS_SERVER", "an address and a port, such as 127.0.0.1:5353", text, problems)
        });
        if self.dns_search.is_some() && self.dns_server.is_none() {
            problems.0.push(
                "DNS_SEARCH goes with DNS_SERVER; without it /etc/resolv.conf says where to search"
                    .to_owned(),
            );
        }
        let search = self
            .dns_search
            .as_deref()
            .unwrap_or_default()
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        Some(DnsConfig { server: server?, search })
    }
}

/// An app for tests.
#[cfg(test)]
pub(crate) const ABOUT: About = About {
    name: "write-app",
    summary: "registers users",
    version: "0.1.0",
    db_host: "mysql-0.mysql",
    db_user: "appuser",
    other_app: "read-app",
    other_app_port: 30001,
};

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Config::from_variables(&ABOUT, variables).map_err(|problems| problems.to_string())
    }

    #[test]
    fn a_password_alone_is_enough() {
        let config = config(&[("DB_PASSWORD", "secret")]).unwrap();
        assert_eq!(config.database.host, "mysql-0.mysql");
        assert_eq!(config.database.credentials.now().user, "appuser");
        assert_eq!(config.database.name, "userdb");
        assert_eq!(config.listen.port(), 5000);
    }

    #[test]
    fn every_problem_is_named_at_once_and_no_value_is_printed() {
        let message = config(&[
            ("DB_PORT", "hunter2"),
            ("LISTEN", "hunter3"),
            ("DB_NAME", ""),
            ("RUST_LOG", "hunter=4="),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://hunter5"),
        ])
        .unwrap_err();
        for name in [
            "DB_PORT",
            "LISTEN",
            "DB_NAME",
            "DB_PASSWORD",
            "RUST_LOG",
            "OTEL_EXPORTER_OTLP_ENDPOINT",
        ] {
            assert!(message.contains(name), "{name} is missing in: {message}");
        }
        assert!(!message.contains("hunter"), "{message}");
    }

    #[test]
    fn a_value_may_come_from_a_file_less_its_last_line_break() {
        let file = std::env::temp_dir().join(format!("app-core-config-{}", std::process::id()));
        std::fs::write(&file, "from a file\n").unwrap();
        let read = config(&[("DB_PASSWORD_FILE", file.to_str().unwrap())]);
        std::fs::remove_file(&file).unwrap();
        let login = read.unwrap().database.credentials.now();
        assert_eq!(login.password.expose_secret(), "from a file");
    }

    #[test]
    fn a_value_and_a_file_together_are_refused() {
        let message =
            config(&[("DB_PASSWORD", "a"), ("DB_PASSWORD_FILE", "/nowhere")]).unwrap_err();
        assert!(message.contains("DB_PASSWORD and DB_PASSWORD_FILE are both set"), "{message}");
    }

    #[test]
    fn a_missing_file_is_one_problem_not_two() {
        let message = config(&[("DB_PASSWORD_FILE", "/nowhere/at/all")]).unwrap_err();
        assert_eq!(message.lines().count(), 2, "{message}");
    }

    #[test]
    fn the_password_does_not_print() {
        let printed = format!("{:?}", config(&[("DB_PASSWORD", "hunter2")]).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
