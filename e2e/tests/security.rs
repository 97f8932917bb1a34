//! Both apps and the MySQL accounts refuse what a client has no right to do.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use app_core::{
    config::{About, Config, MysqlConfig},
    dns::Resolver,
    mysql::Server,
};
use demo::for_tests::shared;
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, MySqlConnection, mysql::MySqlDatabaseError};

fn new_email() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("user{}@example.org", NEXT.fetch_add(1, Ordering::Relaxed))
}

// --- pages and responses --------------------------------------------------------------------------

#[tokio::test]
async fn every_response_of_both_apps_has_the_security_headers() {
    for app in [&shared().write_app, &shared().read_app] {
        for path in ["/", "/glossary", "/assets/style.css", "/nothing"] {
            let request = Client::new().get(app.url() + path).header("accept", "text/html");
            let response = request.send().await.unwrap();
            let header = |name: &str| response.headers()[name].to_str().unwrap();
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; "), "{path}: {policy}");
            for directive in ["base-uri 'none'", "frame-ancestors 'none'", "form-action 'self'"] {
                assert!(policy.contains(directive), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
            assert_eq!(header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(header("referrer-policy"), "same-origin", "{path}");
            assert_eq!(header("cross-origin-resource-policy"), "same-origin", "{path}");
            for absent in ["server", "x-powered-by", "access-control-allow-origin"] {
                assert!(response.headers().get(absent).is_none(), "{path}: {absent}");
            }
        }
    }
}

/// A registration by a form, as a browser sends it.
fn form() -> RequestBuilder {
    let fields = [("name", "Ada".to_owned()), ("email", new_email())];
    Client::new().post(shared().write_app.url() + "/submit").form(&fields)
}

fn json() -> RequestBuilder {
    let body = json!({ "name": "Ada", "email": new_email() });
    Client::new().post(shared().write_app.url() + "/submit").json(&body)
}

/// JSON that a page of another site can send without asking: as the text of a form.
fn json_as_text() -> RequestBuilder {
    let body = json!({ "name": "Ada", "email": new_email() }).to_string();
    let request = Client::new().post(shared().write_app.url() + "/submit").body(body);
    request.header("content-type", "text/plain")
}

/// Registrations from this site, from other sites and from programs, and the status of each response.
fn submissions() -> Vec<(RequestBuilder, StatusCode)> {
    let own = shared().write_app.url();
    let evil = "http://evil.example";
    vec![
        (form().header("sec-fetch-site", "same-origin").header("origin", &own), StatusCode::OK),
        (form().header("sec-fetch-site", "none"), StatusCode::OK),
        (
            form().header("sec-fetch-site", "cross-site").header("origin", evil),
            StatusCode::FORBIDDEN,
        ),
        (
            form().header("sec-fetch-site", "same-site").header("origin", evil),
            StatusCode::FORBIDDEN,
        ),
        // A browser that sends no Sec-Fetch-Site.
        (form().header("origin", evil), StatusCode::FORBIDDEN),
        (form().header("origin", "null"), StatusCode::FORBIDDEN),
        (form().header("origin", &own), StatusCode::OK),
        (
            json().header("sec-fetch-site", "cross-site").header("origin", evil),
            StatusCode::FORBIDDEN,
        ),
        (
            json_as_text().header("sec-fetch-site", "cross-site").header("origin", evil),
            StatusCode::FORBIDDEN,
        ),
        (json_as_text().header("origin", evil), StatusCode::FORBIDDEN),
        // curl and programs.
        (form(), StatusCode::OK),
        (json_as_text(), StatusCode::OK),
        (json(), StatusCode::OK),
    ]
}

#[tokio::test]
async fn a_request_from_another_site_is_refused_and_one_from_a_program_is_not() {
    for (request, status) in submissions() {
        let (client, request) = request.build_split();
        let request = request.unwrap();
        let headers = format!("{:?}", request.headers());
        let response = client.execute(request).await.unwrap();
        assert_eq!(response.status(), status, "{headers}");
        if status == StatusCode::FORBIDDEN {
            assert_eq!(response.json::<Value>().await.unwrap()["code"], "cross_site_request");
        }
    }
}

// --- templates ------------------------------------------------------------------------------------

/// All files under the apps' sources and templates.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// askama escapes by default. These are the ways to avoid that. A template inside a template is escaped already.
#[test]
fn nothing_is_written_into_a_page_unescaped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = ["app-core", "write-app", "read-app"].map(|app| root.join(app));
    let files = folders.iter().flat_map(|app| [app.join("src"), app.join("templates")]);
    let files: Vec<_> = files.flat_map(|folder| sources(&folder)).collect();
    assert!(files.len() > 60, "{} files", files.len());
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let packed = text.replace([' ', '\n'], "");
        for way in [
            "|safe",
            "|escape(",
            "autoescape",
            "escape=\"",
            "filters::Safe",
            "FastWritable",
            ",ext=\"",
            "(source=\"",
        ] {
            assert!(!packed.contains(way), "{}: {way}", file.display());
        }
        for escaped in packed.split("HtmlSafefor").skip(1) {
            let name: String = escaped.chars().take_while(|one| one.is_alphanumeric()).collect();
            let with = |after| packed.split_once(&format!("struct{name}{after}"));
            let (declaration, _) = with('<').or_else(|| with('{')).unwrap();
            let attributes = declaration.rsplit(['}', ';']).next().unwrap();
            assert!(attributes.contains("#[derive(Template)]"), "{name} is no template");
        }
    }
}

/// sqlx would also trust these, and not only the authority that DB_TLS_CA names.
#[test]
fn no_certificate_authority_of_the_web_or_of_the_system_is_compiled_in() {
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.lock")).unwrap();
    let named = ["webpki-roots", "rustls-native-certs"].map(|name| format!("name = \"{name}\"\n"));
    let lists = lock.split("[[package]]").filter(|one| named.iter().any(|name| one.contains(name)));
    let lists: Vec<_> = lists.collect();
    assert_eq!(lists.len(), 1, "{lists:?}");
    assert!(!lists[0].contains("source ="), "it is our own, which is empty: {lists:?}");
}

// --- accounts -------------------------------------------------------------------------------------

/// A connection to the primary with an app's own account.
async fn connection(about: &'static About) -> MySqlConnection {
    let environment = shared().cluster.environment(about).unwrap();
    let Config { database, dns, .. } = Config::from_variables(about, environment).unwrap();
    let database = MysqlConfig { host: "mysql-0.mysql".into(), ..database };
    let server = Server::new(&database, Resolver::new(dns.as_ref()).unwrap());
    server.connect(Duration::from_secs(10)).await.unwrap().0
}

/// The number of the error of a statement. None where the statement succeeds.
async fn error(connection: &mut MySqlConnection, statement: &str) -> Option<u16> {
    let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await;
    let error = done.err()?;
    let said = error.as_database_error().unwrap_or_else(|| panic!("{statement}: {error}"));
    Some(said.downcast_ref::<MySqlDatabaseError>().number())
}

/// The errors for a missing right, in order: to a database, to log in, to another account's connection, to a
/// table. Then: to a column, for a privilege, to a routine, to grant.
/// <https://dev.mysql.com/doc/mysql-errors/9.7/en/server-error-reference.html>
const REFUSALS: [u16; 8] = [1044, 1045, 1095, 1142, 1143, 1227, 1370, 1410];

/// Statements that neither account may run.
const FORBIDDEN_TO_BOTH: [&str; 18] = [
    "DROP TABLE users",
    "TRUNCATE TABLE users",
    "DROP DATABASE userdb",
    "CREATE DATABASE other",
    "CREATE TABLE mysql.other (a INT)",
    "SELECT * FROM mysql.user",
    "SELECT * FROM performance_schema.threads",
    "SELECT * FROM performance_schema.accounts",
    "CREATE USER other",
    "ALTER USER repl IDENTIFIED BY 'other'",
    "GRANT SELECT ON userdb.* TO repl",
    "GRANT ALL ON *.* TO CURRENT_USER()",
    "SET GLOBAL super_read_only = ON",
    "SET PERSIST max_connections = 1",
    "STOP REPLICA",
    "RESET BINARY LOGS AND GTIDS",
    "SHUTDOWN",
    "SELECT * FROM users INTO OUTFILE '/tmp/users'",
];

const FORBIDDEN_TO_READER: [&str; 7] = [
    "INSERT INTO users (name, email) VALUES ('Mallory', 'mallory@example.org')",
    "UPDATE users SET name = 'Mallory'",
    "DELETE FROM users",
    "CREATE TABLE other (a INT)",
    "ALTER TABLE users ADD COLUMN other INT",
    "SELECT * FROM users FOR UPDATE",
    "LOCK TABLES users WRITE",
];

async fn assert_refused(connection: &mut MySqlConnection, statements: &[&str]) {
    for statement in statements {
        let error = error(connection, statement).await;
        assert!(error.is_some_and(|error| REFUSALS.contains(&error)), "{statement}: {error:?}");
    }
}

/// The users whose processes an account sees, and the databases that it sees.
async fn seen(connection: &mut MySqlConnection) -> (Vec<String>, Vec<String>) {
    let users = "SELECT DISTINCT user FROM performance_schema.processlist";
    let users = sqlx::query_scalar(users).fetch_all(&mut *connection).await.unwrap();
    let databases = "SELECT schema_name FROM information_schema.schemata ORDER BY schema_name";
    (users, sqlx::query_scalar(databases).fetch_all(connection).await.unwrap())
}

#[tokio::test]
async fn the_account_of_read_app_can_read_the_users_and_do_nothing_else() {
    let mut reader = connection(&read_app::ABOUT).await;

    assert_eq!(error(&mut reader, "SELECT id, name, email, created_at FROM users").await, None);
    assert_refused(&mut reader, &FORBIDDEN_TO_BOTH).await;
    assert_refused(&mut reader, &FORBIDDEN_TO_READER).await;
    let (users, databases) = seen(&mut reader).await;
    assert_eq!(users, ["reader"]);
    assert_eq!(databases, ["information_schema", "performance_schema", "userdb"]);
}

#[tokio::test]
async fn the_account_of_write_app_can_register_users_and_cannot_drop_the_table_or_manage_mysql() {
    let mut appuser = connection(&write_app::ABOUT).await;

    let insert = format!("INSERT INTO users (name, email) VALUES ('Ada', '{}')", new_email());
    assert_eq!(error(&mut appuser, &insert).await, None);
    assert_refused(&mut appuser, &FORBIDDEN_TO_BOTH).await;
    let (users, databases) = seen(&mut appuser).await;
    assert_eq!(users, ["appuser"]);
    assert_eq!(databases, ["information_schema", "performance_schema", "userdb"]);
}

#[tokio::test]
async fn no_account_can_end_the_connection_of_another() {
    let mut appuser = connection(&write_app::ABOUT).await;
    let mut reader = connection(&read_app::ABOUT).await;
    let id: u64 =
        sqlx::query_scalar("SELECT CONNECTION_ID()").fetch_one(&mut appuser).await.unwrap();

    assert_eq!(error(&mut reader, &format!("KILL {id}")).await, Some(1095));
    assert_eq!(error(&mut appuser, "DO 1").await, None);
}
