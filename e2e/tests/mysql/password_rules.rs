//! What a password may be. bootstrap.sh, the apps and the backup job must read the same Secret alike: the rule is in
//! docs/credentials.md.

use std::fs;

use app_core::config::Config;
use demo::{
    apps::{READ_APP, WRITE_APP},
    for_tests::SeparateCluster,
    manifests::Files,
};
use secrecy::ExposeSecret as _;
use tokio::net::TcpListener;

use crate::{mounted_scripts::MountedScripts, servers::entries};

/// What a file holds, and the password that every reader takes from it.
const USABLE: [(&str, &str); 13] = [
    ("plain", "plain"),
    ("with LF\n", "with LF"),
    ("with CRLF\r\n", "with CRLF"),
    ("with two LF\n\n", "with two LF"),
    (" spaces \n", " spaces "),
    ("'single' \"double\"", "'single' \"double\""),
    ("back\\slash\\", "back\\slash\\"),
    ("#comment;--x", "#comment;--x"),
    ("$(id)`id`%s", "$(id)`id`%s"),
    ("ünï€😀", "ünï€😀"),
    ("5bYyC5oMDuXXG1gXzyhJHkwP0sBEJS==", "5bYyC5oMDuXXG1gXzyhJHkwP0sBEJS=="),
    ("üüüüüüüüüüüüüüüü", "üüüüüüüüüüüüüüüü"),
    ("\u{85}\u{2028}", "\u{85}\u{2028}"),
];

/// What a file holds that is no password, and why.
const UNUSABLE: [(&[u8], &str); 9] = [
    (b"", "is empty"),
    (b"\n", "is empty"),
    (b"\r\n\r\n", "is empty"),
    (b"two\nlines", "control character"),
    (b"a\rb", "control character"),
    (b"a\tb", "control character"),
    (b"a\x7f", "control character"),
    (b"a\0b", "NUL"),
    (b"\xe9\n", "not valid UTF-8"),
];

/// A Secret as it is mounted, and the scripts that read it.
struct Mounted(MountedScripts);

impl Mounted {
    fn new() -> Self {
        Self(MountedScripts::new())
    }

    fn write(&self, account: &str, content: &[u8]) -> std::path::PathBuf {
        let file = self.0.credentials().join(format!("{account}-password"));
        fs::write(&file, content).unwrap();
        file
    }

    fn bash(&self, arguments: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.0.bash(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(output.stdout) } else { Err(said) }
    }

    /// As the scripts of MySQL's pods and of the backup job read it.
    fn scripts_read(&self, account: &str) -> Result<Vec<u8>, String> {
        let code = "source ./passwords.sh; read_password \"$0\" || { echo \"$unusable\" >&2; exit 1; }; printf %s \"$password\"";
        self.bash(&["-c", code, account])
    }
}

/// As an app reads it: from a variable, or from the file that a variable names.
fn app_reads(variable: &str, value: impl Into<std::ffi::OsString>) -> Result<String, String> {
    let config = Config::from_variables(&write_app::ABOUT, [(variable.into(), value.into())]);
    let login = config.map_err(|error| error.to_string())?.database.credentials.now();
    Ok(login.password.expose_secret().to_owned())
}

#[test]
fn every_reader_takes_the_same_password_from_the_same_file() {
    let mounted = Mounted::new();
    for (content, password) in USABLE {
        for account in ["repl", "reader"] {
            let file = mounted.write(account, content.as_bytes());
            let read = mounted.scripts_read(account).unwrap();
            assert_eq!(String::from_utf8(read).unwrap(), password);
            assert_eq!(app_reads("DB_PASSWORD_FILE", file).unwrap(), password);
            assert_eq!(app_reads("DB_PASSWORD", content).unwrap(), password);
        }
    }
}

#[test]
fn every_reader_refuses_what_is_no_password_and_does_not_print_it() {
    let mounted = Mounted::new();
    let long = "x".repeat(257);
    let too_long: [(&[u8], &str); 1] =
        [(long.as_bytes(), "has 257 bytes, and MySQL takes at most 256")];
    for (content, reason) in UNUSABLE.into_iter().chain(too_long) {
        let file = mounted.write("reader", content);
        let refusal = mounted.scripts_read("reader").unwrap_err();
        assert!(
            refusal.contains("the password of reader") && refusal.contains(reason),
            "{refusal}"
        );
        assert!(!refusal.contains("two") && !refusal.contains("xxx"), "{refusal}");
        app_reads("DB_PASSWORD_FILE", file).unwrap_err();
    }
}

#[test]
fn bootstrap_refuses_a_password_by_its_account_before_it_writes_anything() {
    let cases: [(&str, &str, &str); 5] = [
        ("repl", "hunter2-hunter2-hunter2-hunter2-3", "has 33 bytes, and MySQL takes at most 32"),
        ("repl", "aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMmh1bnQ=", "has 44 bytes"),
        ("repl", "hünter2-hünter2-hünter2-hünter2", "has 35 bytes"),
        ("appuser", "hunter2\nhunter2", "control character"),
        ("reader", "", "is empty"),
    ];
    for (account, content, reason) in cases {
        let mounted = Mounted::new();
        mounted.write(account, content.as_bytes());

        let refusal = mounted.bash(&["bootstrap.sh"]).unwrap_err();

        let expected = format!("the password of {account}, ");
        assert!(refusal.contains(&expected) && refusal.contains(reason), "{refusal}");
        assert!(refusal.trim_end().ends_with("docs/credentials.md says how"), "{refusal}");
        assert!(!refusal.contains("hunter") && !refusal.contains("hünter"), "{refusal}");
        assert!(entries(&mounted.0.volume()).is_empty());
    }
}

/// With signs that SQL, option files and shells treat specially, as long as they may be.
#[tokio::test]
async fn unusual_passwords_work_for_replication_both_apps_and_the_backup_job() {
    let repl = " {a'b\"c\\d#e;f--€$(id)`%s\\'g/* ";
    let appuser = format!("{repl}{}", "ü".repeat(112));
    let credentials = Files::mysql_credentials()
        .unwrap()
        .with("repl-password", &format!("{repl}\r\n"))
        .with("appuser-password", &format!("{appuser}\n"))
        .with("reader-password", &format!("{appuser}\r\n\n"));
    assert!(repl.len() <= 32 && appuser.len() == 256, "{} {}", repl.len(), appuser.len());

    let servers = SeparateCluster::start_with(2, credentials).await.unwrap();

    for app in [WRITE_APP, READ_APP] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let app = app.serve(listener, &servers.cluster, &[]).unwrap();
        app.wait_until_ready().await.unwrap();
    }
    back_up_as_the_job_does(&servers).await;
    // One byte more is one too many.
    let longer = format!("ALTER USER appuser IDENTIFIED BY '{}'", "x".repeat(257));
    servers.cluster.sql(0, &longer).await.unwrap_err();
    let longer = "STOP REPLICA; CHANGE REPLICATION SOURCE TO SOURCE_PASSWORD = '";
    let longer = format!("{longer}{}'", "x".repeat(33));
    let refusal = servers.cluster.sql(1, &longer).await.unwrap_err().to_string();
    assert!(refusal.contains("32"), "{refusal}");
}

/// Asks the replica with the options of backup.sh.
async fn back_up_as_the_job_does(servers: &SeparateCluster) {
    let backup = Files::mysql_backup().unwrap();
    let functions = backup.get("backup.sh").unwrap().trim_end().strip_suffix("\nmain").unwrap();
    let script = servers.run.path().join("functions-of-backup.sh");
    fs::write(&script, functions).unwrap();
    let address = servers.cluster.address(1).to_string();
    let code = format!("source '{}'; ask {address} 'SELECT CURRENT_USER()'", script.display());
    let output = servers
        .cluster
        .container(1)
        .unwrap()
        .program("bash")
        .args(["-c", &code])
        .env("MYSQL_SCRIPTS", servers.run.path().join("mysql-1/scripts"))
        .env("BACKUP_FROM", &address)
        .env("BACKUP_PRIMARY", &address)
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(said.trim(), "reader@%", "{}", String::from_utf8_lossy(&output.stderr));
}
