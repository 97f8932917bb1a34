//! Finds `mysqld`, its clients and `curl`, or has them downloaded.
//!
//! A `mysqld` on `PATH` is used if it is new enough. Otherwise Debian's packages are downloaded, on Debian; elsewhere the
//! error says what to install.

use std::{
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

use anyhow::bail;
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    Progress,
    clean_command::{clean_command, program_folders, search_path},
    debian_packages,
};

/// The programs that bootstrap.sh and the probes call, except those that every Linux has.
const PROGRAMS: [&str; 4] = ["mysqld", "mysql", "mysqladmin", "curl"];

/// The program that only the benchmark calls. The benchmark looks for it on `PATH` if MySQL is there.
const BENCHMARK_PROGRAM: &str = "mysqlslap";

/// The first version with all that the servers' settings and scripts need.
const OLDEST: (u32, u32) = (8, 4);

/// How often, and for how long, to try to run a file that another process has open for writing.
const BUSY_PERIOD: Duration = Duration::from_millis(10);
const BUSY_DEADLINE: Duration = Duration::from_secs(5);

/// How long a server may take to print its version.
const VERSION_DEADLINE: Duration = Duration::from_secs(15);

/// The advice in every error message.
pub(crate) const INSTALL_IT: &str =
    "install MySQL 8.4 or newer, and curl, so that mysqld, mysql, mysqladmin and curl are on PATH";

/// A folder with the programs, to be the first one in `PATH`.
#[derive(Clone, Debug)]
pub struct MysqlPrograms {
    folder: PathBuf,
    server: PathBuf,
    version: String,
}

impl MysqlPrograms {
    /// Finds MySQL, or downloads it into `cache`, and writes a wrapper for each program into `folder`.
    ///
    /// # Errors
    ///
    /// If MySQL is not there and cannot be downloaded. The message says what to install.
    pub async fn find(cache: &Path, folder: &Path, progress: Progress) -> anyhow::Result<Self> {
        let (server, commands) = match installed(&program_folders()).await {
            Ok(programs) => {
                let commands = programs.iter().map(|program| call(&[program])).collect::<Vec<_>>();
                (programs[0].clone(), commands)
            }
            Err(reason) => {
                check_debian(&reason)?;
                let tree = debian_packages::get(cache, &reason, progress).await?;
                (debian_packages::server(&tree), debian_packages::commands(&tree)?)
            }
        };
        fs::create_dir_all(folder)?;
        for (program, command) in PROGRAMS.iter().chain([&BENCHMARK_PROGRAM]).zip(commands) {
            write_wrapper(&folder.join(program), &command)?;
        }
        let version = version_of(&folder.join("mysqld")).await.map_err(|reason| {
            let server = server.display();
            anyhow::anyhow!(
                "{server} {reason}. If its file system runs no programs (noexec), set XDG_CACHE_HOME to a \
                 folder elsewhere"
            )
        })?;
        Ok(Self { folder: folder.to_owned(), server, version })
    }

    /// The value of `PATH` with these programs first.
    #[must_use]
    pub fn path(&self) -> std::ffi::OsString {
        let mut path = self.folder.clone().into_os_string();
        path.push(":");
        path.push(search_path());
        path
    }

    /// The server's version, such as `9.7.4`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }

    /// The file of the server.
    pub(crate) fn server(&self) -> &Path {
        &self.server
    }
}

/// The programs in these folders, or why they cannot be used.
async fn installed(folders: &[PathBuf]) -> Result<[PathBuf; PROGRAMS.len()], String> {
    let find =
        |name: &str| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file());
    let found = PROGRAMS.map(find);
    let mysqld = found[0].as_ref().ok_or("there is no mysqld on PATH")?;
    let said = |what: String| format!("{} {what}", mysqld.display());
    let version = version_of(mysqld).await.map_err(&said)?;
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    if numbers.next().zip(numbers.next()).is_none_or(|version| version < OLDEST) {
        return Err(said(format!("is MySQL {version}, which is too old")));
    }
    let missing = PROGRAMS.iter().zip(&found).filter(|(_, file)| file.is_none());
    let missing = missing.map(|(name, _)| *name).collect::<Vec<_>>().join(" and no ");
    let none = said(format!("is MySQL {version}, but there is no {missing} on PATH"));
    let [Some(mysqld), Some(mysql), Some(mysqladmin), Some(curl)] = found else {
        return Err(none);
    };
    Ok([mysqld, mysql, mysqladmin, curl])
}

/// `9.7.4` from `mysqld  Ver 9.7.4 for Linux on x86_64`, or why this is no MySQL.
async fn version_of(mysqld: &Path) -> Result<String, String> {
    // An old /etc/my.cnf may have options that this server does not know.
    let mut command = clean_command(mysqld);
    let output = output_when_written(command.args(["--no-defaults", "--version"]));
    let output = timeout(VERSION_DEADLINE, output).await;
    let output =
        output.map_err(|_| format!("did not print its version within {VERSION_DEADLINE:?}"))?;
    let output = output.map_err(|error| format!("does not run: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("MariaDB") {
        return Err("is MariaDB, which has no GTIDs like MySQL's".to_owned());
    }
    let (_, rest) = text.split_once("Ver ").ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("prints no version: {}", said.lines().next_back().unwrap_or_default())
    })?;
    let version = rest.split(|one: char| one != '.' && !one.is_ascii_digit()).next();
    Ok(version.unwrap_or_default().to_owned())
}

/// Fails unless this is Debian, with a message that says what works on this system.
fn check_debian(reason: &str) -> anyhow::Result<()> {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    if names_of_system(&release).first() == Some(&"debian") {
        return Ok(());
    }
    bail!(
        "{reason}, and the demo can download MySQL only on Debian: {INSTALL_IT}. {}. Or run the demo in a container: \
         README.md has the command",
        how_to_install(&release)
    )
}

/// The names in `ID` and `ID_LIKE` of `/etc/os-release`: <https://www.freedesktop.org/software/systemd/man/os-release.html>.
fn names_of_system(release: &str) -> Vec<&str> {
    let value = |key: &str| {
        let mut lines = release.lines().filter_map(|line| line.split_once('='));
        let value = lines.find(|(name, _)| *name == key).map(|(_, value)| value);
        value.unwrap_or_default().trim().trim_matches(['"', '\''])
    };
    [value("ID"), value("ID_LIKE")].into_iter().flat_map(str::split_whitespace).collect()
}

fn how_to_install(release: &str) -> &'static str {
    let names = names_of_system(release);
    if names.contains(&"ubuntu") {
        "Ubuntu has it since 25.04: sudo apt install mysql-server curl. For an older one MySQL has packages: \
         https://dev.mysql.com/downloads/repo/apt/"
    } else if names.first() == Some(&"fedora") {
        "Fedora has it since 42: sudo dnf install mysql8.4-server curl"
    } else if names.contains(&"arch") {
        "Arch has only MariaDB; the package mysql is in the AUR: https://aur.archlinux.org/packages/mysql"
    } else {
        "MySQL has packages for many systems: https://dev.mysql.com/downloads/mysql/"
    }
}

/// Runs a program whose file this process may just have written. Linux does not run a file that is open for
/// writing: <https://man7.org/linux/man-pages/man2/execve.2.html>. A process that another thread starts at that
/// moment inherits the open file, and closes it when it runs its program.
async fn output_when_written(command: &mut Command) -> std::io::Result<Output> {
    let end = Instant::now() + BUSY_DEADLINE;
    loop {
        match command.output().await {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < end => {
                sleep(BUSY_PERIOD).await;
            }
            result => return result,
        }
    }
}

/// Writes a shell script that runs the program. mysqld runs as root only with `--user=root`.
fn write_wrapper(wrapper: &Path, command: &str) -> anyhow::Result<()> {
    let is_server = wrapper.file_name() == Some(OsStr::new("mysqld"));
    let user = if is_server && rustix::process::geteuid().is_root() { " --user=root" } else { "" };
    fs::write(wrapper, format!("#!/bin/sh\nexec {command}{user}\n"))?;
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A shell command that runs a program, with the arguments of the wrapper at the end.
pub(crate) fn call(words: &[&Path]) -> String {
    let words = words.iter().map(|word| shell_word(word.as_os_str())).collect::<Vec<_>>();
    words.join(" ") + " \"$@\""
}

/// Quotes a word for the shell.
pub(crate) fn shell_word(text: &OsStr) -> String {
    format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    /// A folder with programs; the first one is a mysqld that prints this when it is asked for its version.
    fn programs(version: &str, others: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in others {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let mysqld = folder.path().join("mysqld");
        let script =
            format!("#!/bin/sh\ntest \"$*\" = '--no-defaults --version' && echo '{version}'\n");
        fs::write(&mysqld, script).unwrap();
        fs::set_permissions(&mysqld, fs::Permissions::from_mode(0o755)).unwrap();
        folder
    }

    #[tokio::test]
    async fn mysql_that_cannot_be_used_is_named_with_what_is_wrong_with_it() {
        let clients = ["mysql", "mysqladmin", "curl"];
        for (version, others, words) in [
            (
                "mysqld  Ver 8.0.44-0ubuntu0.24.04.1 for Linux on x86_64 ((Ubuntu))",
                clients.as_slice(),
                "/mysqld is MySQL 8.0.44, which is too old",
            ),
            (
                "mysqld  Ver 5.7.44 for Linux on x86_64",
                &clients,
                "is MySQL 5.7.44, which is too old",
            ),
            ("mysqld  Ver 10.11.14-MariaDB-0+deb12u2 for debian-linux-gnu", &clients, "is MariaDB"),
            (
                "mysqld  Ver 8.4.7 for Linux on x86_64",
                &["mysql"],
                "no mysqladmin and no curl on PATH",
            ),
            ("Segmentation fault", &clients, "/mysqld prints no version"),
        ] {
            let folder = programs(version, others);
            let refusal = installed(&[folder.path().to_owned()]).await.unwrap_err();
            assert!(refusal.contains(words), "{version}: {refusal}");
        }

        let folder = programs("mysqld  Ver 8.4.7-0ubuntu0.25.10.3 for Linux on x86_64", &clients);
        installed(&[folder.path().join("none"), folder.path().to_owned()]).await.unwrap();
        let refusal = installed(&[folder.path().join("none")]).await.unwrap_err();
        assert_eq!(refusal, "there is no mysqld on PATH");
    }

    #[test]
    fn each_system_is_told_how_it_gets_mysql() {
        for (release, words) in [
            (
                "PRETTY_NAME=\"Ubuntu 24.04.3 LTS\"\nID=ubuntu\nID_LIKE=debian\n",
                "Ubuntu has it since 25.04",
            ),
            ("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n", "Ubuntu has it since 25.04"),
            ("NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=43\n", "dnf install mysql8.4-server"),
            ("NAME=\"Arch Linux\"\nID=arch\n", "only MariaDB"),
            ("NAME=\"EndeavourOS\"\nID=endeavouros\nID_LIKE='arch'\n", "only MariaDB"),
            ("ID=alpine\n", "packages for many systems"),
            ("", "packages for many systems"),
        ] {
            assert!(how_to_install(release).contains(words), "{release}");
        }
        let debian =
            "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(names_of_system(debian), ["debian"]);
    }
}
