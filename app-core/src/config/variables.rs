//! The variables, with what they mean and their defaults: the table of `--help` and of the README.

/// One variable, as `--help` and the README show it.
#[derive(Debug)]
pub struct Variable {
    /// Its name, such as `DB_HOST`.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What holds without it.
    pub default: &'static str,
}

/// Every variable that the apps read.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "DB_HOST",
        meaning: "MySQL server or Service to connect to",
        default: "mysql-0.mysql (write-app), mysql-read (read-app)",
    },
    Variable { name: "DB_PORT", meaning: "its port", default: "3306" },
    Variable {
        name: "DB_USER",
        meaning: "MySQL account",
        default: "appuser (write-app), reader (read-app)",
    },
    Variable { name: "DB_PASSWORD", meaning: "its password", default: "none: must be set" },
    Variable { name: "DB_NAME", meaning: "database", default: "userdb" },
    Variable {
        name: "DB_TLS_CA",
        meaning: "certificates (PEM) of which one must have signed MySQL's",
        default: "none: MySQL's certificate is not verified",
    },
    Variable {
        name: "DB_WAIT_FOR",
        meaning: "Service that must accept a connection before DB_HOST is first looked up",
        default: "none",
    },
    Variable {
        name: "DB_HEADLESS_HOST",
        meaning: "headless Service whose pods read-app picks from by itself",
        default: "mysql",
    },
    Variable { name: "LISTEN", meaning: "address and port to serve on", default: "0.0.0.0:5000" },
    Variable {
        name: "OTHER_APP_URL",
        meaning: "where the page links to the other app",
        default: "the host the browser used, with the other NodePort",
    },
    Variable {
        name: "DNS_SERVER",
        meaning: "address and port of the DNS server to ask",
        default: "those in /etc/resolv.conf",
    },
    Variable {
        name: "DNS_SEARCH",
        meaning: "domains to try after a short name; goes with DNS_SERVER",
        default: "those in /etc/resolv.conf",
    },
    Variable {
        name: "RUST_LOG",
        meaning: "what is logged, such as debug or info,sqlx=debug",
        default: "info",
    },
    Variable {
        name: "OTEL_EXPORTER_OTLP_ENDPOINT",
        meaning: "http:// URL of the OpenTelemetry collector that gets spans",
        default: "none: no spans",
    },
    Variable {
        name: "OTEL_SERVICE_NAME",
        meaning: "what spans call this app",
        default: "write-app, read-app",
    },
];
