use secrecy::ExposeSecret;

use super::*;

/// An app for tests.
pub(crate) const ABOUT: About = About {
    name: "write-app",
    summary: "registers users",
    version: "0.1.0",
    db_host: "mysql-0.mysql",
    db_user: "appuser",
    other_app: "read-app",
    other_app_port: 30001,
};

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

/// envy finds the field of a variable by the name in lower case.
#[test]
fn every_variable_has_the_field_of_its_name() {
    let names: Vec<_> = VARIABLES.iter().map(|variable| variable.name.to_lowercase()).collect();
    assert_eq!(names, FIELDS);
}

#[test]
fn the_defaults_in_the_table_are_those_of_the_code() {
    let password = ("DB_PASSWORD", "secret");
    let defaults = config(&[password]).unwrap();
    for name in ["DB_PORT", "DB_NAME", "LISTEN", "RUNS_IN", "KEEP_ALIVE_SECONDS", "RUST_LOG"] {
        let variable = VARIABLES.iter().find(|variable| variable.name == name).unwrap();
        let given = config(&[password, (name, variable.default)]).unwrap();
        assert_eq!(format!("{given:?}"), format!("{defaults:?}"), "{name}");
    }
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
    for name in
        ["DB_PORT", "LISTEN", "DB_NAME", "DB_PASSWORD", "RUST_LOG", "OTEL_EXPORTER_OTLP_ENDPOINT"]
    {
        assert!(message.contains(name), "{name} is missing in: {message}");
    }
    assert!(!message.contains("hunter"), "{message}");
}

#[test]
fn a_trusted_origin_is_kept_in_the_form_that_browsers_send() {
    for (given, kept) in [
        ("https://demo.example.org", &["https://demo.example.org"][..]),
        ("https://demo.example.org/", &["https://demo.example.org"]),
        ("HTTPS://Demo.Example.org:443", &["https://demo.example.org"]),
        ("http://a:80/, https://b:8443,", &["http://a", "https://b:8443"]),
        ("http://a\nhttp://b", &["http://a", "http://b"]),
        ("http://[2001:DB8:0::7]:8080", &["http://[2001:db8::7]:8080"]),
        ("https://bücher.example", &["https://xn--bcher-kva.example"]),
    ] {
        let config = config(&[("DB_PASSWORD", "secret"), ("TRUSTED_ORIGINS", given)]).unwrap();
        assert_eq!(config.trusted_origins, kept, "{given}");
    }
}

#[test]
fn what_is_no_origin_is_refused_with_the_name_of_the_setting_and_an_example() {
    for wrong in [
        "demo.example.org",
        "null",
        "*",
        "https://*.example.org",
        "https://demo.example.org/write",
        "https://demo.example.org?a=b",
        "https://demo.example.org/#top",
        "https://ada@demo.example.org",
        "ftp://demo.example.org",
        "https://",
        "https://demo.example.org:port",
        "https://demo.example.org, hunter2",
        " , ",
    ] {
        let given = [("DB_PASSWORD", "secret"), ("TRUSTED_ORIGINS", wrong)];
        let message = config(&given).unwrap_err();
        let named = "TRUSTED_ORIGINS must be origins such as https://demo.example.org";
        assert!(message.contains(named) && !message.contains("hunter2"), "{wrong}: {message}");
    }
}

#[test]
fn an_app_runs_in_kubernetes_unless_it_is_told_that_it_runs_in_the_demo() {
    let given = |place| config(&[("DB_PASSWORD", "secret"), ("RUNS_IN", place)]);
    assert_eq!(config(&[("DB_PASSWORD", "secret")]).unwrap().runs_in, RunsIn::Kubernetes);
    assert_eq!(given("kubernetes").unwrap().runs_in, RunsIn::Kubernetes);
    assert_eq!(given("demo").unwrap().runs_in, RunsIn::Demo);
    for wrong in ["Demo", "DEMO", "k8s", "kind", "demo ", "true"] {
        let message = given(wrong).unwrap_err();
        assert!(message.contains("RUNS_IN must be kubernetes or demo"), "{wrong}: {message}");
    }
}

#[test]
fn an_idle_connection_stays_open_for_a_whole_number_of_seconds() {
    let given = |seconds| config(&[("DB_PASSWORD", "secret"), ("KEEP_ALIVE_SECONDS", seconds)]);
    assert_eq!(given("620").unwrap().keep_alive, Duration::from_secs(620));
    for wrong in ["0", "-1", "1.5", "75s", "65536", "forever"] {
        let message = given(wrong).unwrap_err();
        assert!(message.contains("KEEP_ALIVE_SECONDS must be a whole number"), "{message}");
    }
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
    let message = config(&[("DB_PASSWORD", "a"), ("DB_PASSWORD_FILE", "/nowhere")]).unwrap_err();
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
