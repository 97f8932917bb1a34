//! What is set on other people's machines: proxies, MySQL accounts, languages, limits.

use std::{
    collections::BTreeSet, ffi::OsString, fs, os::unix::ffi::OsStringExt as _, path::Path,
    process::Command,
};

use demo::cache_folder;
use reqwest::Client;

use super::{Demo, free_port, servers_of};

/// The variables that a server may have: those of its container, and those that bash sets.
const OF_A_SERVER: [&str; 16] = [
    "HOME",
    "LC_ALL",
    "MYSQL_API",
    "MYSQL_BIND_ADDRESS",
    "MYSQL_CONFIG",
    "MYSQL_CREDENTIALS",
    "MYSQL_PRIMARY_HOST",
    "MYSQL_RUN",
    "MYSQL_SERVICE_ACCOUNT",
    "MYSQL_VOLUME",
    "OLDPWD",
    "PATH",
    "POD_NAME",
    "PWD",
    "SHLVL",
    "TMPDIR",
];

/// What a person may have set for other programs: a proxy, another MySQL server, a shell, a language, a library, a
/// Kubernetes, and the settings of both apps.
const SET_FOR_OTHERS: [(&str, &str); 26] = [
    ("http_proxy", "http://127.0.0.1:1"),
    ("https_proxy", "http://127.0.0.1:1"),
    ("all_proxy", "http://127.0.0.1:1"),
    ("HTTP_PROXY", "http://127.0.0.1:1"),
    ("ALL_PROXY", "http://127.0.0.1:1"),
    ("MYSQL_HOST", "192.0.2.1"),
    ("MYSQL_PWD", "secret"),
    ("MYSQL_TCP_PORT", "1"),
    ("MYSQL_UNIX_PORT", "/none.sock"),
    ("MYSQL_VOLUME", "/none"),
    ("MYSQL_API", "http://127.0.0.1:1"),
    ("answer_within", "0"),
    ("POSIXLY_CORRECT", "1"),
    ("BASH_FUNC_curl%%", "() { exit 3; }"),
    ("LANG", "ja_JP.UTF-8"),
    ("LC_ALL", "tr_TR.UTF-8"),
    ("LANGUAGE", "de"),
    ("TZ", "Pacific/Kiritimati"),
    ("LD_PRELOAD", "/none.so"),
    ("LD_LIBRARY_PATH", "/none"),
    ("KUBERNETES_SERVICE_HOST", "192.0.2.1"),
    ("DB_HOST", "192.0.2.1"),
    ("DB_PORT", "x"),
    ("LISTEN", "x"),
    ("DNS_SERVER", "x"),
    ("OTHER_APP_URL", "x"),
];

/// The files in a person's home that are for other servers.
const FILES_FOR_OTHERS: [(&str, &str); 5] = [
    (".my.cnf", "[client]\nhost=192.0.2.1\n[mysqld]\nport=1\n"),
    ("my.cnf", "[mysqld]\nno-such-option=1\n"),
    (".mylogin.cnf", "not a login path"),
    (".curlrc", "proxy = http://127.0.0.1:1\n"),
    ("bash_env", "exit 3\n"),
];

/// The demo, started in this home by a shell with all of these and with low limits.
fn command_with_all_that_may_be_set(home: &Path, ports: [u16; 2]) -> Command {
    for (name, text) in FILES_FOR_OTHERS {
        fs::write(home.join(name), text).unwrap();
    }
    let limits = r#"umask 077; ulimit -S -n 64; export BASH_ENV="$HOME/bash_env"; exec "$0" "$@""#;
    let [write, read] = ports.map(|port| port.to_string());
    let mut command = Command::new("bash");
    command
        .args(["-c", limits, env!("CARGO_BIN_EXE_demo"), "--", "--listen", "0.0.0.0"])
        .args(["--data", "my data", "--write-port", &write, "--read-port", &read])
        .current_dir(home)
        .envs(SET_FOR_OTHERS)
        .envs(["HOME", "MYSQL_HOME", "CURL_HOME"].map(|name| (name, home)))
        .env("MYSQL_TEST_LOGIN_FILE", home.join(".mylogin.cnf"))
        .env("XDG_CACHE_HOME", cache_folder().unwrap().parent().unwrap())
        // Too long for a socket.
        .env("TMPDIR", home.join("long".repeat(40)));
    command
}

/// The names of a process's variables.
fn variables_of(process: &str) -> BTreeSet<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
    let variables = environment.split(|byte| *byte == 0).filter(|variable| !variable.is_empty());
    let names = variables.map(|variable| variable.split(|byte| *byte == b'=').next().unwrap());
    names.map(|name| OsString::from_vec(name.to_vec()).into_string().unwrap()).collect()
}

#[tokio::test]
async fn the_demo_works_whatever_is_set_for_other_programs_and_is_reached_from_elsewhere() {
    let home = tempfile::tempdir().unwrap();
    let ports = [free_port(), free_port()];

    let demo = Demo::spawn(command_with_all_that_may_be_set(home.path(), ports), ports);

    demo.register("ada@example.org").await;
    demo.wait_until_both_pods_have("ada@example.org").await;
    let servers = servers_of(demo.process.id());
    assert_eq!(servers.len(), 2);
    for server in servers {
        let mut more = variables_of(&server);
        more.retain(|name| !OF_A_SERVER.contains(&name.as_str()) && name != "_");
        assert!(more.is_empty(), "a server has {more:?}");
    }
    // Another address of this machine stands for another machine's.
    for (app, other) in [(0, 1), (1, 0)] {
        let page = Client::new().get(format!("http://127.0.0.2:{}/", ports[app])).send().await;
        let page = page.unwrap().text().await.unwrap();
        let link = format!("href=\"http://127.0.0.2:{}/\"", ports[other]);
        assert!(page.contains(&link), "app {app} does not link to {link}");
    }
    assert!(home.path().join("my data/mysql-0/data").is_dir());
    demo.stop();
}
