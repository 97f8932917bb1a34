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

/// The demo, started by a shell with what a person may have set for other programs, in a folder of this kind.
fn command_with_all_that_may_be_set(home: &Path, ports: [u16; 2]) -> Command {
    let own = |name: &str| home.join(name);
    let limits = r#"umask 077; ulimit -S -n 64; export BASH_ENV="$HOME/bash_env"; exec "$0" "$@""#;
    let [write, read] = ports.map(|port| port.to_string());
    let mut command = Command::new("bash");
    command
        .args(["-c", limits, env!("CARGO_BIN_EXE_demo"), "--", "--listen", "0.0.0.0"])
        .args(["--data", "my data", "--write-port", &write, "--read-port", &read])
        .current_dir(home)
        .env("XDG_CACHE_HOME", cache_folder().unwrap().parent().unwrap());
    // A proxy for other addresses.
    for name in ["http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"] {
        command.env(name, "http://127.0.0.1:1");
    }
    // Another MySQL server.
    fs::write(own(".my.cnf"), "[client]\nhost=192.0.2.1\n[mysqld]\nport=1\n").unwrap();
    fs::write(own("my.cnf"), "[mysqld]\nno-such-option=1\n").unwrap();
    fs::write(own(".mylogin.cnf"), "not a login path").unwrap();
    fs::write(own(".curlrc"), "proxy = http://127.0.0.1:1\n").unwrap();
    command.envs([("MYSQL_HOST", "192.0.2.1"), ("MYSQL_PWD", "secret"), ("MYSQL_TCP_PORT", "1")]);
    command.envs([
        ("MYSQL_UNIX_PORT", "/none.sock"),
        ("MYSQL_VOLUME", "/none"),
        ("MYSQL_API", "http://[::1]:1"),
    ]);
    command.envs([("HOME", home), ("MYSQL_HOME", home), ("CURL_HOME", home)]);
    command.env("MYSQL_TEST_LOGIN_FILE", own(".mylogin.cnf"));
    // A shell, a language, a library, and the settings of both apps.
    fs::write(own("bash_env"), "exit 3\n").unwrap();
    command.env("POSIXLY_CORRECT", "1").env("LD_PRELOAD", "/none.so");
    command.envs([
        ("LANG", "ja_JP.UTF-8"),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("TZ", "Pacific/Kiritimati"),
    ]);
    command.envs([("answer_within", "0"), ("KUBERNETES_SERVICE_HOST", "192.0.2.1")]);
    command.envs([
        ("DB_HOST", "192.0.2.1"),
        ("DB_PORT", "x"),
        ("LISTEN", "x"),
        ("DNS_SERVER", "x"),
    ]);
    // Too long for a socket.
    command.env("TMPDIR", own(&"long".repeat(40)));
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
