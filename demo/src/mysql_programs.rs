//! Finds `mysqld`, its clients and `curl`, or downloads them.
//!
//! A `mysqld` on `PATH` is used if it is new enough. Otherwise apt and dpkg download Debian's packages and unpack
//! them into a cache folder. They need no root rights, install nothing, and leave the system's package lists alone.
//! The unpacked programs run with the unpacked dynamic loader, because the system's C library may be too old.

use std::{
    ffi::OsStr,
    fs::{self, File, TryLockError},
    io::ErrorKind,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use tokio::{process::Command, time::sleep};

use crate::Progress;

/// The programs that bootstrap.sh and the probes call, except those that every Linux has.
const PROGRAMS: [&str; 4] = ["mysqld", "mysql", "mysqladmin", "curl"];

/// The program that only the benchmark calls. The benchmark looks for it on `PATH` if MySQL is there.
const BENCHMARK_PROGRAM: &str = "mysqlslap";

/// The packages that contain these programs.
const PACKAGES: [&str; 3] = ["mysql-server-core", "mysql-client-core", "curl"];

/// The Debian release that has MySQL. The stable releases have only MariaDB.
const SUITE: &str = "sid";

/// How often to try for a lock that another process holds.
const LOCK_PERIOD: Duration = Duration::from_millis(200);

/// How often, and for how long, to try to run a file that another process has open for writing.
const BUSY_PERIOD: Duration = Duration::from_millis(10);
const BUSY_DEADLINE: Duration = Duration::from_secs(5);

/// The advice in every error message.
const INSTALL_IT: &str =
    "install MySQL 8.4 or newer, and curl, so that mysqld, mysql, mysqladmin and curl are on PATH";

/// A folder with the programs, to be the first one in `PATH`.
#[derive(Clone, Debug)]
pub struct MysqlPrograms {
    folder: PathBuf,
    version: String,
}

impl MysqlPrograms {
    /// Finds MySQL, or downloads it into `cache`, and writes a wrapper for each program into `folder`.
    ///
    /// # Errors
    ///
    /// If MySQL is not there and cannot be downloaded. The message says what to install.
    pub async fn find(cache: &Path, folder: &Path, progress: Progress) -> anyhow::Result<Self> {
        let on_path = on_path().await;
        let tree;
        let commands = if let Some(programs) = &on_path {
            programs.iter().map(|program| call(&[program])).collect::<Vec<_>>()
        } else {
            tree = cache.join(format!("debian-{SUITE}"));
            get_tree(&tree, progress).await?;
            tree_commands(&tree)?
        };
        fs::create_dir_all(folder)?;
        for (program, command) in PROGRAMS.iter().chain([&BENCHMARK_PROGRAM]).zip(commands) {
            write_wrapper(&folder.join(program), &command)?;
        }
        let version = version_of(&folder.join("mysqld")).await.context("cannot run mysqld")?;
        Ok(Self { folder: folder.to_owned(), version })
    }

    /// The value of `PATH` with these programs first.
    #[must_use]
    pub fn path(&self) -> std::ffi::OsString {
        let mut path = self.folder.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    /// The server's version, such as `9.7.4`.
    pub(crate) fn version(&self) -> &str {
        &self.version
    }
}

/// The programs on `PATH`, if all are there and the server is MySQL 8.4 or newer.
async fn on_path() -> Option<[PathBuf; PROGRAMS.len()]> {
    let path = std::env::var_os("PATH")?;
    let find = |name: &str| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
    };
    let [mysqld, mysql, mysqladmin, curl] = PROGRAMS.map(find);
    let mysqld = mysqld?;
    let version = version_of(&mysqld).await?;
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let new_enough = (numbers.next()?, numbers.next()?) >= (8, 4);
    new_enough.then_some([mysqld, mysql?, mysqladmin?, curl?])
}

/// `9.7.4` from `mysqld  Ver 9.7.4 for Linux on x86_64`, and `None` for MariaDB.
async fn version_of(mysqld: &Path) -> Option<String> {
    let output = output_when_written(Command::new(mysqld).arg("--version")).await.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    if text.contains("MariaDB") {
        return None;
    }
    let (_, rest) = text.split_once("Ver ")?;
    rest.split(|character: char| character != '.' && !character.is_ascii_digit())
        .next()
        .map(str::to_owned)
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

/// Downloads Debian's packages into `tree` unless it exists. Other processes may try the same at this moment.
async fn get_tree(tree: &Path, progress: Progress) -> anyhow::Result<()> {
    let cache = tree.parent().context("the cache folder has no path")?;
    fs::create_dir_all(cache)
        .with_context(|| format!("cannot make the folder {}", cache.display()))?;
    let _lock = lock(&cache.join("lock"), progress).await?;
    if tree.exists() {
        return Ok(());
    }
    ensure!(
        is_debian(),
        "there is no mysqld on PATH, and the demo can download it only on Debian: {INSTALL_IT}"
    );
    progress("downloading MySQL from Debian, this once: 66 MB, which unpack to 410 MB");
    let work = tree.with_extension("new");
    if work.exists() {
        // An earlier download was interrupted.
        fs::remove_dir_all(&work)?;
    }
    let unpacked = work.join("tree");
    let done = download_and_unpack(&work, &unpacked).await;
    // Rename last, so that a tree that exists is complete.
    let done = done.and_then(|()| Ok(fs::rename(unpacked, tree)?));
    fs::remove_dir_all(&work)?;
    done
}

/// Locks the cache until the returned file is dropped.
async fn lock(path: &Path, progress: Progress) -> anyhow::Result<File> {
    let lock = File::create(path)?;
    let mut told = false;
    while let Err(error) = lock.try_lock() {
        ensure!(
            matches!(error, TryLockError::WouldBlock),
            "cannot lock {}: {error}",
            path.display()
        );
        if !told {
            progress("waiting for another process that is downloading MySQL");
            told = true;
        }
        sleep(LOCK_PERIOD).await;
    }
    Ok(lock)
}

async fn download_and_unpack(work: &Path, tree: &Path) -> anyhow::Result<()> {
    let apt = PrivateApt::new(work).await?;
    apt.run(&["update"]).await?;
    let install = ["install", "--yes", "--download-only", "--no-install-recommends"];
    apt.run(&[install.as_slice(), &PACKAGES].concat()).await?;
    for package in fs::read_dir(work.join("archives"))? {
        let package = package?.path();
        if package.extension() == Some(OsStr::new("deb")) {
            succeed(Command::new("dpkg-deb").arg("--extract").arg(&package).arg(tree)).await?;
        }
    }
    Ok(())
}

fn is_debian() -> bool {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    release.lines().any(|line| line == "ID=debian")
}

/// apt with separate lists, cache and sources. Its package database says that nothing is installed, so apt
/// downloads every dependency.
struct PrivateApt {
    configuration: PathBuf,
}

impl PrivateApt {
    async fn new(folder: &Path) -> anyhow::Result<Self> {
        for name in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        fs::write(folder.join("status"), "")?;
        // A mirror may be so late that its copy of sid has passed its validity date.
        let source = format!(
            "deb [check-valid-until=no{}] {} {SUITE} main\n",
            signed_by(),
            debian_mirror().await?
        );
        fs::write(folder.join("sources.list"), source)?;
        let here = folder.display();
        let configuration = folder.join("apt.conf");
        fs::write(
            &configuration,
            format!(
                "Dir::State \"{here}\";\nDir::State::status \"{here}/status\";\nDir::State::lists \"{here}/lists\";\n\
                 Dir::Cache \"{here}\";\nDir::Cache::archives \"{here}/archives\";\n\
                 Dir::Etc::sourcelist \"{here}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
                 Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
                 APT::Sandbox::User \"\";\nAPT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\nAcquire::Retries \"2\";\n"
            ),
        )?;
        Ok(Self { configuration })
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut command = Command::new("apt-get");
        succeed(command.args(arguments).env("APT_CONFIG", &self.configuration))
            .await
            .with_context(|| {
                format!("cannot download MySQL; check the network, or {INSTALL_IT}")
            })?;
        Ok(())
    }
}

/// The mirror that apt is configured to use on this machine.
async fn debian_mirror() -> anyhow::Result<String> {
    let mut command = Command::new("apt-get");
    let format = ["--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
    let targets = succeed(command.arg("indextargets").args(format)).await.context(INSTALL_IT)?;
    let main = targets.lines().filter_map(|line| line.split_once(' ')).find(|(uri, release)| {
        !release.contains('-') && uri.trim_end_matches('/').ends_with("/debian")
    });
    let (uri, _) = main
        .with_context(|| format!("apt has no Debian mirror in its configuration: {INSTALL_IT}"))?;
    Ok(uri.to_owned())
}

fn signed_by() -> String {
    let keys =
        ["gpg", "pgp"].map(|ending| format!("/usr/share/keyrings/debian-archive-keyring.{ending}"));
    keys.into_iter()
        .find(|file| Path::new(file).exists())
        .map(|file| format!(" signed-by={file}"))
        .unwrap_or_default()
}

/// Runs a program and returns its standard output. Fails unless the program succeeds; kills it when dropped.
async fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let name = command.as_std().get_program().display().to_string();
    let output = command.kill_on_drop(true).stdin(Stdio::null()).output().await;
    let Output { status, stdout, stderr } = output.with_context(|| format!("cannot run {name}"))?;
    if !status.success() {
        let stderr = String::from_utf8_lossy(&stderr);
        bail!("{name} failed: {}", stderr.lines().last().unwrap_or("it printed no error").trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// The command of each program in the unpacked tree, which runs it with the tree's loader and libraries.
fn tree_commands(tree: &Path) -> anyhow::Result<Vec<String>> {
    let usr = tree.join("usr");
    let loader = ["lib64", "lib"]
        .iter()
        .find_map(|folder| entry_of(&usr.join(folder), |name| name.starts_with("ld-linux")))
        .context(
            "the unpacked packages have no dynamic loader; delete the cache folder and try again",
        )?;
    let libraries = entry_of(&usr.join("lib"), |name| name.ends_with("-linux-gnu"))
        .context("the unpacked packages have no libraries")?;
    let load = |program: &str| {
        call(&[&loader, Path::new("--library-path"), &libraries, &usr.join(program)])
    };
    let option =
        |name: &str, path: &str| format!(" --{name}={}", shell_word(usr.join(path).as_os_str()));
    let folders = option("basedir", "")
        + &option("lc-messages-dir", "share/mysql")
        + &option("plugin-dir", "lib/mysql/plugin");
    let clients = ["bin/mysql", "bin/mysqladmin", "bin/curl", "bin/mysqlslap"].map(load);
    Ok([load("sbin/mysqld") + &folders].into_iter().chain(clients).collect())
}

fn entry_of(folder: &Path, wanted: impl Fn(&str) -> bool) -> Option<PathBuf> {
    let mut entries = fs::read_dir(folder).ok()?.filter_map(Result::ok);
    entries.find(|entry| entry.file_name().to_str().is_some_and(&wanted)).map(|entry| entry.path())
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
fn call(words: &[&Path]) -> String {
    let words = words.iter().map(|word| shell_word(word.as_os_str())).collect::<Vec<_>>();
    words.join(" ") + " \"$@\""
}

/// Quotes a word for the shell.
fn shell_word(text: &OsStr) -> String {
    format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"))
}
