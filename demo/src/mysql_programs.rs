//! Where `mysqld`, its clients and `curl` come from.
//!
//! A `mysqld` on `PATH` is taken if it is new enough. Otherwise Debian's packages are downloaded and
//! unpacked into a cache folder by apt and dpkg with a configuration of their own: no rights are
//! needed, nothing is installed, and the system's package lists are not touched. The unpacked
//! programs run through their own dynamic loader, since the system's C library may be older.

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

/// The programs that bootstrap.sh and the probes call, beside those that every Debian has.
const PROGRAMS: [&str; 4] = ["mysqld", "mysql", "mysqladmin", "curl"];

/// What only the benchmark calls. Where MySQL is on `PATH`, it is looked for there.
const BENCHMARK_PROGRAM: &str = "mysqlslap";

/// The packages that hold them.
const PACKAGES: [&str; 3] = ["mysql-server-core", "mysql-client-core", "curl"];

/// The Debian release that has MySQL; stable ones have MariaDB.
const SUITE: &str = "sid";

/// How often a lock that another process holds is asked for.
const LOCK_PERIOD: Duration = Duration::from_millis(200);

/// How often, and for how long, a program is tried again that another process holds open.
const BUSY_PERIOD: Duration = Duration::from_millis(10);
const BUSY_DEADLINE: Duration = Duration::from_secs(5);

/// What a person is told where MySQL cannot be had.
const INSTALL_IT: &str =
    "install MySQL 8.4 or newer, and curl, so that mysqld, mysql, mysqladmin and curl are on PATH";

/// A folder with the programs, ready to stand first on a `PATH`.
#[derive(Clone, Debug)]
pub struct MysqlPrograms {
    folder: PathBuf,
    version: String,
}

impl MysqlPrograms {
    /// Finds MySQL, or gets it into `cache`, and puts a wrapper for each program into `folder`.
    ///
    /// # Errors
    ///
    /// A sentence that says what to install where it cannot be had.
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
        let version = version_of(&folder.join("mysqld")).await.context("mysqld cannot be run")?;
        Ok(Self { folder: folder.to_owned(), version })
    }

    /// A `PATH` on which these programs come first.
    #[must_use]
    pub fn path(&self) -> std::ffi::OsString {
        let mut path = self.folder.clone().into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        path
    }

    /// The server's version, such as `9.7.4`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// The programs on `PATH`, where all are there and the server is MySQL 8.4 or newer.
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

/// `9.7.4` out of `mysqld  Ver 9.7.4 for Linux on x86_64`; nothing for MariaDB.
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

/// Runs a program whose file may just have been written. When another thread starts a process at that
/// moment, that process has the file open too, for writing, until it runs its own program; and a file
/// that is open for writing cannot be run: <https://man7.org/linux/man-pages/man2/execve.2.html>.
async fn output_when_written(command: &mut Command) -> std::io::Result<Output> {
    let end = Instant::now() + BUSY_DEADLINE;
    loop {
        match command.output().await {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy && Instant::now() < end => {
                sleep(BUSY_PERIOD).await;
            }
            ended => return ended,
        }
    }
}

/// Puts Debian's packages into `tree`, once. Another process may be at it at the same time.
async fn get_tree(tree: &Path, progress: Progress) -> anyhow::Result<()> {
    let cache = tree.parent().context("the cache folder has no parent")?;
    fs::create_dir_all(cache).with_context(|| format!("{} cannot be made", cache.display()))?;
    let _lock = lock(&cache.join("lock"), progress).await?;
    if tree.exists() {
        return Ok(());
    }
    ensure!(
        is_debian(),
        "there is no mysqld on PATH, and only on Debian can it be fetched from here: {INSTALL_IT}"
    );
    progress("getting MySQL from Debian's packages: 66 MB to download, 410 MB unpacked, once");
    let work = tree.with_extension("new");
    if work.exists() {
        // An earlier attempt was killed.
        fs::remove_dir_all(&work)?;
    }
    let unpacked = work.join("tree");
    let done = download_and_unpack(&work, &unpacked).await;
    // The last step, so that a tree which is there is complete.
    let done = done.and_then(|()| Ok(fs::rename(unpacked, tree)?));
    fs::remove_dir_all(&work)?;
    done
}

/// The cache's lock, for as long as the returned file lives.
async fn lock(path: &Path, progress: Progress) -> anyhow::Result<File> {
    let lock = File::create(path)?;
    let mut told = false;
    while let Err(error) = lock.try_lock() {
        ensure!(
            matches!(error, TryLockError::WouldBlock),
            "{} cannot be locked: {error}",
            path.display()
        );
        if !told {
            progress("another process is getting MySQL; waiting for it");
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

/// apt with lists, cache and sources of its own, and a package database in which nothing is
/// installed, so that every dependency is downloaded.
struct PrivateApt {
    configuration: PathBuf,
}

impl PrivateApt {
    async fn new(folder: &Path) -> anyhow::Result<Self> {
        for name in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        fs::write(folder.join("status"), "")?;
        // A mirror's copy of sid can lag behind its own validity date.
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
                format!("MySQL could not be downloaded; check the network, or {INSTALL_IT}")
            })?;
        Ok(())
    }
}

/// The mirror that this machine's own package lists come from.
async fn debian_mirror() -> anyhow::Result<String> {
    let mut command = Command::new("apt-get");
    let format = ["--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"];
    let targets = succeed(command.arg("indextargets").args(format)).await.context(INSTALL_IT)?;
    let main = targets.lines().filter_map(|line| line.split_once(' ')).find(|(uri, release)| {
        !release.contains('-') && uri.trim_end_matches('/').ends_with("/debian")
    });
    let (uri, _) =
        main.with_context(|| format!("apt has no Debian mirror configured: {INSTALL_IT}"))?;
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

/// Runs a program, which must end well, for its standard output. It ends when nobody waits for it.
async fn succeed(command: &mut Command) -> anyhow::Result<String> {
    let name = command.as_std().get_program().display().to_string();
    let output = command.kill_on_drop(true).stdin(Stdio::null()).output().await;
    let Output { status, stdout, stderr } =
        output.with_context(|| format!("{name} cannot be run"))?;
    if !status.success() {
        let said = String::from_utf8_lossy(&stderr);
        bail!("{name} failed: {}", said.lines().last().unwrap_or("it said nothing").trim());
    }
    Ok(String::from_utf8_lossy(&stdout).into_owned())
}

/// How each program of the unpacked tree is called, through the tree's own loader and libraries.
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

/// A small script that calls the program. mysqld refuses to run as root unless told to.
fn write_wrapper(wrapper: &Path, command: &str) -> anyhow::Result<()> {
    let is_server = wrapper.file_name() == Some(OsStr::new("mysqld"));
    let user = if is_server && rustix::process::geteuid().is_root() { " --user=root" } else { "" };
    fs::write(wrapper, format!("#!/bin/sh\nexec {command}{user}\n"))?;
    fs::set_permissions(wrapper, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A shell command that runs a program with the wrapper's own arguments at the end.
fn call(words: &[&Path]) -> String {
    let words = words.iter().map(|word| shell_word(word.as_os_str())).collect::<Vec<_>>();
    words.join(" ") + " \"$@\""
}

/// A word that the shell takes as it is.
fn shell_word(text: &OsStr) -> String {
    format!("'{}'", text.to_string_lossy().replace('\'', r"'\''"))
}
