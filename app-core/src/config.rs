//! The process's environment, checked once, before anything starts.
//!
//! Each variable may also be given as `NAME_FILE`, the path of a file that holds the value: a mounted
//! Secret arrives like this. All problems are reported together, by the variable's name. A value is
//! never printed: it might be a secret in the wrong place.

pub mod credentials;
mod environment;
mod password;
#[cfg(test)]
mod tests;
pub mod tls_ca;
pub(crate) mod values;

use std::{
    ffi::OsString,
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use axum::http::Uri;
use serde::Deserialize;
use tracing_subscriber::filter::Targets;

#[cfg(test)]
pub(crate) use self::tests::ABOUT;
pub use self::values::RunsIn;
use self::{
    credentials::{Credentials, Value},
    environment::Environment,
    password::Password,
    tls_ca::TlsCa,
    values::{HttpUrl, LogFilter, Origins, from_text},
};

/// The port that MySQL listens on by default.
pub const MYSQL_PORT: u16 = 3306;

/// Where an app serves by default: at every address of the pod, of IPv6 and of IPv4.
const EVERY_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 5000);

/// How long an idle connection stays open by default. AWS's Application Load Balancer and nginx keep one to a server for
/// 60 s. This is longer, so that the balancer is the one that closes it.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html#connection-idle-timeout>
/// <https://nginx.org/en/docs/http/ngx_http_upstream_module.html#keepalive_timeout>
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// One variable, as `--help` and `docs/configuration.md` show it.
#[derive(Debug)]
pub struct Variable {
    /// Its name, such as `DB_HOST`.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What holds without it.
    pub default: &'static str,
    /// What a value must be, for the message about another value.
    must_be: &'static str,
}

/// The default of a variable that has none.
const MUST_BE_SET: &str = "none: must be set";

/// Makes two things of one table: [`VARIABLES`] for people, and [`Settings`] for envy. A variable's field in
/// `Settings` has its type, which parses the value.
macro_rules! variables {
    ($($field:ident: $type:ty = $variable:expr;)*) => {
        /// Every variable that the apps read.
        pub const VARIABLES: &[Variable] = &[$($variable),*];

        #[cfg(test)]
        const FIELDS: &[&str] = &[$(stringify!($field)),*];

        /// The values of the variables that are given.
        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct Settings {
            $(#[serde(deserialize_with = "from_text")] $field: Option<$type>,)*
        }
    };
}

variables! {
    db_host: String = Variable {
        name: "DB_HOST",
        meaning: "MySQL server or Service to connect to",
        default: "mysql-0.mysql (write-app), mysql-read (read-app)",
        must_be: "text",
    };
    db_port: u16 = Variable {
        name: "DB_PORT",
        meaning: "its port",
        default: "3306",
        must_be: "a port from 0 to 65535",
    };
    db_user: String = Variable {
        name: "DB_USER",
        meaning: "MySQL account",
        default: "appuser (write-app), reader (read-app)",
        must_be: "text",
    };
    db_password: Password = Variable {
        name: "DB_PASSWORD",
        meaning: "its password",
        default: MUST_BE_SET,
        must_be: password::MUST_BE,
    };
    db_name: String = Variable {
        name: "DB_NAME",
        meaning: "database",
        default: "userdb",
        must_be: "text",
    };
    db_tls_ca: TlsCa = Variable {
        name: "DB_TLS_CA",
        meaning: "certificates (PEM) of which one must have signed MySQL's",
        default: "none: MySQL's certificate is not verified",
        must_be: "certificates in PEM, -----BEGIN CERTIFICATE-----",
    };
    db_wait_for: String = Variable {
        name: "DB_WAIT_FOR",
        meaning: "Service that must accept a connection before DB_HOST is first looked up",
        default: "none",
        must_be: "text",
    };
    db_headless_host: String = Variable {
        name: "DB_HEADLESS_HOST",
        meaning: "headless Service whose pods read-app picks from by itself",
        default: "mysql",
        must_be: "text",
    };
    listen: SocketAddr = Variable {
        name: "LISTEN",
        meaning: "address and port to serve on; [::] takes IPv4 too",
        default: "[::]:5000",
        must_be: "an address and a port, such as [::]:5000 or 127.0.0.1:5000",
    };
    other_app_url: String = Variable {
        name: "OTHER_APP_URL",
        meaning: "where the page links to the other app",
        default: "the host the browser used, with the other NodePort",
        must_be: "text",
    };
    trusted_origins: Origins = Variable {
        name: "TRUSTED_ORIGINS",
        meaning: "where browsers find this app, if a proxy changes the Host header; separated by commas",
        default: "none: a form must come from the host that it is sent to",
        must_be: "origins such as https://demo.example.org or http://10.0.0.5:8080, separated by commas, without a path",
    };
    runs_in: RunsIn = Variable {
        name: "RUNS_IN",
        meaning: "whose commands the pages show: those of kubectl, or those of cargo demo",
        default: "kubernetes",
        must_be: "kubernetes or demo",
    };
    keep_alive_seconds: NonZeroU16 = Variable {
        name: "KEEP_ALIVE_SECONDS",
        meaning: "how long an idle connection stays open; longer than a proxy in front keeps it",
        default: "75",
        must_be: "a whole number of seconds from 1 to 65535",
    };
    dns_server: SocketAddr = Variable {
        name: "DNS_SERVER",
        meaning: "address and port of the DNS server to ask",
        default: "those in /etc/resolv.conf",
        must_be: "an address and a port, such as 127.0.0.1:5353",
    };
    dns_search: String = Variable {
        name: "DNS_SEARCH",
        meaning: "domains to try after a short name; goes with DNS_SERVER",
        default: "those in /etc/resolv.conf",
        must_be: "text",
    };
    rust_log: LogFilter = Variable {
        name: "RUST_LOG",
        meaning: "what is logged, such as debug or info,sqlx=debug",
        default: "info",
        must_be: "a filter such as info or info,sqlx=debug",
    };
    otel_exporter_otlp_endpoint: HttpUrl = Variable {
        name: "OTEL_EXPORTER_OTLP_ENDPOINT",
        meaning: "http:// URL of the OpenTelemetry collector that gets spans",
        default: "none: no spans",
        must_be: "an http:// URL, such as http://collector:4318",
    };
    otel_service_name: String = Variable {
        name: "OTEL_SERVICE_NAME",
        meaning: "what spans call this app",
        default: "write-app, read-app",
        must_be: "text",
    };
}

/// What an app says about itself, and its defaults.
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
    /// Origins of this app besides its host, as browsers send them.
    pub trusted_origins: Vec<String>,
    /// Where this app runs, which decides about the commands that its page shows.
    pub runs_in: RunsIn,
    /// How long a connection without a request stays open.
    pub keep_alive: Duration,
    /// The other app's port on the host that the browser used, where there is no URL.
    pub other_app_port: u16,
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
    /// The authority that must have signed the server's certificate, where that matters.
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

/// The OpenTelemetry collector that gets spans.
#[derive(Clone, Debug)]
pub struct SpansConfig {
    /// Its URL, such as `http://collector:4318/`.
    pub collector: Uri,
    /// What spans call this app.
    pub service: String,
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

impl Config {
    /// Reads the environment of this process.
    ///
    /// # Errors
    ///
    /// All that is wrong with it, in one message.
    pub fn from_env(about: &About) -> Result<Self, Problems> {
        Self::from_variables(about, std::env::vars_os())
    }

    /// Reads the given variables, and ignores those that are not in [`VARIABLES`].
    ///
    /// # Errors
    ///
    /// All that is wrong with them, in one message.
    pub fn from_variables(
        about: &About,
        variables: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<Self, Problems> {
        let environment = Environment::new(variables);
        let (mut given, mut problems) = (Vec::new(), Vec::new());
        for variable in VARIABLES {
            match variable.read(&environment) {
                Ok(value) => given.extend(value),
                Err(problem) => problems.push(problem),
            }
        }
        if environment.has("DNS_SEARCH") && !environment.has("DNS_SERVER") {
            problems.push(
                "DNS_SEARCH goes with DNS_SERVER; without it /etc/resolv.conf says where to search"
                    .to_owned(),
            );
        }
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        match envy::from_iter::<_, Settings>(given) {
            Ok(settings) => Ok(settings.into_config(about, &environment)),
            Err(error) => Err(Problems(vec![error.to_string()])),
        }
    }
}

impl Variable {
    /// The name and the value, where the variable is given. An error says what is wrong, without the value.
    fn read(&self, environment: &Environment) -> Result<Option<(String, String)>, String> {
        let name = self.name;
        let value = match environment.value(name)? {
            Some(value) => value,
            None if self.default == MUST_BE_SET => {
                return Err(format!("{name} is not set; give it, or {name}_FILE"));
            }
            None => return Ok(None),
        };
        let given = (name.to_owned(), value);
        // By itself: envy stops at the first error, and does not say which variable it is about.
        match envy::from_iter::<_, Settings>([given.clone()]) {
            Ok(_) => Ok(Some(given)),
            Err(_) => Err(format!("{name} must be {}", self.must_be)),
        }
    }
}

impl Settings {
    fn into_config(self, about: &About, environment: &Environment) -> Config {
        let service = self.otel_service_name.unwrap_or_else(|| about.name.to_owned());
        let spans = |HttpUrl(collector)| SpansConfig { collector, service };
        let search = self.dns_search.unwrap_or_default();
        let search = search.split_whitespace().map(str::to_owned).collect();
        let user = self.db_user.as_deref().unwrap_or(about.db_user);
        let password = self.db_password.map(|Password(text)| text).unwrap_or_default();
        let path = |file_variable| environment.path(file_variable);
        Config {
            listen: self.listen.unwrap_or(EVERY_ADDRESS),
            database: MysqlConfig {
                host: self.db_host.unwrap_or_else(|| about.db_host.to_owned()),
                port: self.db_port.unwrap_or(MYSQL_PORT),
                credentials: Credentials::new(
                    Value::user(user, path("DB_USER_FILE")),
                    Value::password(&password, path("DB_PASSWORD_FILE")),
                ),
                tls_ca: self.db_tls_ca,
                name: self.db_name.unwrap_or_else(|| "userdb".to_owned()),
            },
            wait_for: self.db_wait_for,
            headless_host: self.db_headless_host,
            dns: self.dns_server.map(|server| DnsConfig { server, search }),
            other_app_url: self.other_app_url,
            trusted_origins: self.trusted_origins.unwrap_or_default().0,
            runs_in: self.runs_in.unwrap_or_default(),
            keep_alive: self.keep_alive_seconds.map_or(KEEP_ALIVE, seconds),
            other_app_port: about.other_app_port,
            log: self.rust_log.unwrap_or_default().0,
            spans: self.otel_exporter_otlp_endpoint.map(spans),
        }
    }
}

fn seconds(number: NonZeroU16) -> Duration {
    Duration::from_secs(number.get().into())
}
