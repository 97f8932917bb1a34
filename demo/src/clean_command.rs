//! Commands that see nothing of the environment in which a person typed `cargo demo`.
//!
//! A proxy, a MySQL account, a language or a library that is meant for other programs would change what the servers
//! and their scripts do. With `http_proxy`, curl asks the proxy in place of the stand-in for the API server. With
//! `MYSQL_HOST`, the mysql client asks another server. With `BASH_ENV`, each script runs another one first.

use std::{
    env,
    ffi::{OsStr, OsString},
    path::PathBuf,
    process::Stdio,
};

use tokio::process::Command;

/// Where mysqld is on Debian and on Fedora. Neither is on the `PATH` of a user there.
const MORE_FOLDERS: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/libexec"];

/// A command whose environment is `PATH` and `LC_ALL=C.UTF-8`, in which messages are English. Without UTF-8 the mysql
/// client would take a password for latin1. Its process is killed when its handle is dropped.
pub(crate) fn clean_command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("PATH", search_path()).env("LC_ALL", "C.UTF-8");
    command.stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The folders of `PATH`, and after them those where a system has its servers.
pub(crate) fn program_folders() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let given = env::split_paths(&path).filter(|folder| folder.is_absolute());
    given.chain(MORE_FOLDERS.map(PathBuf::from)).collect()
}

/// The same as the value of `PATH`.
pub(crate) fn search_path() -> OsString {
    // A folder that came out of PATH has no colon.
    env::join_paths(program_folders()).unwrap_or_default()
}
