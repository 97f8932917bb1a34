//! MySQL on Debian, without installing it.
//!
//! apt and dpkg download Debian's packages and unpack them into the cache folder. They need no root rights, install
//! nothing, and leave the system's package lists alone. The unpacked programs run with the unpacked dynamic loader,
//! because the system's C library may be too old.

use std::{
    env,
    ffi::OsStr,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context as _, bail, ensure};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

use crate::{
    Progress,
    mysql_programs::{INSTALL_IT, call, shell_word},
    patience::wait_for,
};

/// The packages that contain the programs.
const PACKAGES: [&str; 3] = ["mysql-server-core", "mysql-client-core", "curl"];

/// The Debian release that has MySQL. The stable releases have only MariaDB.
const SUITE: &str = "sid";

/// How long the download may take: 66 MB.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// How often to try for a lock that another process holds.
const LOCK_PERIOD: Duration = Duration::from_millis(200);

/// Downloads Debian's packages unless the cache has them, and returns the folder into which they are unpacked. Other
/// processes may try the same at this moment. `reason` says why the download is needed.
pub(crate) async fn get(cache: &Path, reason: &str, progress: Progress) -> anyhow::Result<PathBuf> {
    let (tree, work) =
        (cache.join(format!("debian-{SUITE}")), cache.join(format!("debian-{SUITE}.new")));
    let waits_for = || match size_of(&work) / 1_000_000 {
        0 => "Debian's packages".to_owned(),
        megabytes => format!("Debian's packages; with what is unpacked, {megabytes} MB are here"),
    };
    wait_for(progress, waits_for, get_tree(&tree, &work, reason, progress)).await?;
    Ok(tree)
}

async fn get_tree(
    tree: &Path,
    work: &Path,
    reason: &str,
    progress: Progress,
) -> anyhow::Result<()> {
    let cache = tree.parent().context("the cache folder has no path")?;
    let not_writable =
        || format!("cannot write to the folder {}; set XDG_CACHE_HOME to another", cache.display());
    fs::create_dir_all(cache).with_context(not_writable)?;
    let _lock = lock(&cache.join("lock"), progress).await.with_context(not_writable)?;
    if tree.exists() {
        return Ok(());
    }
    progress(&format!(
        "{reason}: downloading MySQL from Debian, this once: 66 MB, which unpack to 410 MB"
    ));
    let work = WorkFolder::new(work)?;
    let unpacked = work.0.join("tree");
    timeout(DEADLINE, download_and_unpack(&work.0, &unpacked)).await.map_err(|_| {
        let minutes = DEADLINE.as_secs() / 60;
        anyhow::anyhow!(
            "the download of MySQL took more than {minutes} minutes; check the network, or {INSTALL_IT}"
        )
    })??;
    // Rename last, so that a tree that exists is complete.
    Ok(fs::rename(unpacked, tree)?)
}

/// A folder that is removed when it is dropped, as when Ctrl-C ends the download.
struct WorkFolder(PathBuf);

impl WorkFolder {
    fn new(path: &Path) -> anyhow::Result<Self> {
        if path.exists() {
            // An earlier demo was killed while it downloaded.
            fs::remove_dir_all(path)?;
        }
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, "the next download removes what is left of this one");
        }
    }
}

/// How many bytes are in a folder and below it.
fn size_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, data)| if data.is_dir() { size_of(&path) } else { data.len() })
        .sum()
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
    let apt = PrivateApt::new(work)?;
    apt.update().await?;
    let install = ["install", "--yes", "--download-only", "--no-install-recommends"];
    apt.run(&[install.as_slice(), &PACKAGES].concat()).await?;
    for package in fs::read_dir(work.join("archives"))? {
        let package = package?.path();
        if package.extension() == Some(OsStr::new("deb")) {
            succeed(command("dpkg-deb", work).arg("--extract").arg(&package).arg(tree)).await?;
        }
    }
    Ok(())
}

/// apt with separate lists, cache and sources. Its package database says that nothing is installed, so apt
/// downloads every dependency.
struct PrivateApt<'a> {
    folder: &'a Path,
}

impl<'a> PrivateApt<'a> {
    fn new(folder: &'a Path) -> anyhow::Result<Self> {
        for name in ["lists/partial", "archives/partial"] {
            fs::create_dir_all(folder.join(name))?;
        }
        fs::write(folder.join("status"), "")?;
        let here = folder.display();
        fs::write(
            folder.join("apt.conf"),
            format!(
                "Dir::State \"{here}\";\nDir::State::status \"{here}/status\";\nDir::State::lists \"{here}/lists\";\n\
                 Dir::Cache \"{here}\";\nDir::Cache::archives \"{here}/archives\";\n\
                 Dir::Etc::sourcelist \"{here}/sources.list\";\nDir::Etc::sourceparts \"/dev/null\";\n\
                 Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
                 APT::Sandbox::User \"\";\nAPT::Update::Error-Mode \"any\";\nAcquire::Languages \"none\";\n\
                 Acquire::Retries \"2\";\nAcquire::http::Timeout \"20\";\nAcquire::https::Timeout \"20\";\n"
            ),
        )?;
        Ok(Self { folder })
    }

    /// Gets the list of packages from the first of the machine's mirrors that has the release. A mirror of another
    /// project's packages has not, and Debian has not signed what it has.
    async fn update(&self) -> anyhow::Result<()> {
        let mut first_error = None;
        for mirror in machine_mirrors(self.folder).await? {
            // A mirror may be so late that its copy of sid has passed its validity date.
            let source =
                format!("deb [check-valid-until=no{}] {mirror} {SUITE} main\n", signed_by());
            fs::write(self.folder.join("sources.list"), source)?;
            match self.run(&["update"]).await {
                Ok(()) => return Ok(()),
                Err(error) => drop(first_error.get_or_insert(error)),
            }
        }
        Err(first_error.with_context(|| {
            format!("apt has no Debian mirror in its configuration, /etc/apt: {INSTALL_IT}")
        })?)
    }

    async fn run(&self, arguments: &[&str]) -> anyhow::Result<()> {
        let mut apt = command("apt-get", self.folder);
        succeed(apt.args(arguments).env("APT_CONFIG", self.folder.join("apt.conf")))
            .await
            .with_context(|| {
                format!("cannot download MySQL; check the network, or {INSTALL_IT}")
            })?;
        Ok(())
    }
}

/// The mirrors that apt is configured to use on this machine. apt itself reads its configuration, and says what it
/// would download. It has no lists yet where they were deleted to make an image small.
async fn machine_mirrors(folder: &Path) -> anyhow::Result<Vec<String>> {
    let mut apt = command("apt-get", folder);
    let uris = succeed(apt.args(["update", "--print-uris"])).await.context(INSTALL_IT)?;
    Ok(mirrors(&uris))
}

/// The mirrors in the output of `apt-get update --print-uris`, whose lines are such as
/// `'http://debian.example/debian/dists/bookworm/InRelease' debian.example_debian_dists_bookworm_InRelease 0`.
/// Those of updates, backports and security, which have a `-` in the release's name, do not have all packages.
fn mirrors(uris: &str) -> Vec<String> {
    let uris = uris.lines().filter_map(|line| line.strip_prefix('\'')?.split_once('\'')?.0.into());
    let releases =
        uris.filter_map(|uri: &str| uri.strip_suffix("/InRelease")?.rsplit_once("/dists/"));
    let mut mirrors = Vec::new();
    for (mirror, release) in releases {
        let has_all = !release.contains(['-', '/']) && !mirror.starts_with("cdrom:");
        if has_all && !mirrors.iter().any(|known| known == mirror) {
            mirrors.push(mirror.to_owned());
        }
    }
    mirrors
}

fn signed_by() -> String {
    let keys =
        ["gpg", "pgp"].map(|ending| format!("/usr/share/keyrings/debian-archive-keyring.{ending}"));
    keys.into_iter()
        .find(|file| Path::new(file).exists())
        .map(|file| format!(" signed-by={file}"))
        .unwrap_or_default()
}

/// A command of apt or dpkg. They get the person's proxy, which the download may need, and no other variable.
fn command(program: &str, folder: &Path) -> Command {
    let is_proxy = |name: &OsStr| name.to_string_lossy().to_lowercase().ends_with("_proxy");
    let kept = env::vars_os().filter(|(name, _)| name == "PATH" || is_proxy(name));
    let mut command = Command::new(program);
    command.env_clear().envs(kept).env("LC_ALL", "C").env("TMPDIR", folder);
    command
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

/// The server in the unpacked tree.
pub(crate) fn server(tree: &Path) -> PathBuf {
    tree.join("usr/sbin/mysqld")
}

/// The command of each program in the unpacked tree, which runs it with the tree's loader and libraries.
pub(crate) fn commands(tree: &Path) -> anyhow::Result<Vec<String>> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use std::collections::BTreeSet;

    use super::*;

    // What Debian's container images have, an administrator with two mirrors, Debian's cloud images, its installer and
    // Ubuntu. Their hosts are others here.
    const DEBIAN: &str = "Types: deb\n# http://snapshot.example/archive/debian/20250520T000000Z\n\
        URIs: http://debian.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\nTypes: deb\n\
        # http://snapshot.example/archive/debian-security/20250520T000000Z\n\
        URIs: http://debian.example/debian-security\nSuites: bookworm-security\nComponents: main\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";
    const SEVERAL: &str = "Types: deb deb-src\nURIs: https://a.example/debian/ https://b.example/mirror\n\
        Suites: trixie trixie-updates trixie-backports\nComponents: main contrib non-free-firmware\n\
        Architectures: amd64 arm64\nEnabled: yes\n\nTypes: deb\nURIs: https://off.example/debian\n\
        Suites: trixie\nComponents: main\nEnabled: no\n";
    const MIRROR_FILE: &str = "Types: deb deb-src\nURIs: mirror+file:/etc/apt/mirrors/debian.list\n\
        Suites: bookworm bookworm-updates bookworm-backports\nComponents: main\n\nTypes: deb deb-src\n\
        URIs: mirror+file:/etc/apt/mirrors/debian-security.list\nSuites: bookworm-security\nComponents: main\n";
    const CLASSIC: &str = "# deb cdrom:[Debian GNU/Linux 12.5.0 _Bookworm_ - Official amd64 NETINST]/ bookworm main\n\
        deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] https://a.example/debian bookworm main\n\
        deb [ arch=amd64 trusted=yes ] https://docker.example/linux/debian bookworm stable\n\
        deb http://a.example/debian bookworm-updates main # a remark\ndeb http://flat.example/packages ./\n";
    const UBUNTU: &str = "Types: deb\nURIs: http://archive.ubuntu.com/ubuntu/\n\
        Suites: noble noble-updates noble-backports\nComponents: main universe restricted multiverse\n\
        Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n\nTypes: deb\n\
        URIs: http://security.ubuntu.com/ubuntu/\nSuites: noble-security\nComponents: main universe\n\
        Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n";

    /// The mirrors of an apt whose only configuration is this file.
    async fn mirrors_of(name: &str, sources: &str) -> BTreeSet<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path(name), sources).unwrap();
        let mut apt = command("apt-get", folder.path());
        apt.args(["update", "--print-uris", "--option", "Dir::Etc::sourceparts=/dev/null"]);
        for (option, value) in [("Dir::Etc::sourcelist", name), ("Dir::State::lists", "lists")] {
            apt.args(["--option", &format!("{option}={}", path(value))]);
        }
        let found = mirrors(&succeed(&mut apt).await.unwrap());
        found.iter().map(|mirror| mirror.trim_end_matches('/').to_owned()).collect()
    }

    #[tokio::test]
    async fn the_mirrors_are_those_of_apt_in_whatever_way_its_configuration_is_written() {
        if Command::new("apt-get").arg("--version").output().await.is_err() {
            eprintln!("there is no apt on this machine, so nothing was tried");
            return;
        }
        let (a, b) = ("https://a.example/debian", "https://b.example/mirror");
        for (name, sources, expected) in [
            ("debian.sources", DEBIAN, ["http://debian.example/debian"].as_slice()),
            ("several.sources", SEVERAL, &[a, b]),
            ("cloud.sources", MIRROR_FILE, &["mirror+file:/etc/apt/mirrors/debian.list"]),
            ("sources.list", CLASSIC, &[a, "https://docker.example/linux/debian"]),
            ("ubuntu.sources", UBUNTU, &["http://archive.ubuntu.com/ubuntu"]),
            ("none.sources", "", &[]),
        ] {
            let expected = expected.iter().map(|mirror| (*mirror).to_owned());
            assert_eq!(mirrors_of(name, sources).await, expected.collect(), "{name}");
        }
    }

    #[test]
    fn what_apt_would_download_names_each_mirror_with_all_packages_once() {
        let uris = "'http://debian.example/debian/dists/bookworm/InRelease' x 0 \n\
            'http://debian.example/debian/dists/bookworm-updates/InRelease' x 0 \n\
            'http://debian.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' x 0 \n\
            'http://debian.example/debian-security/dists/bookworm-security/InRelease' x 0 \n\
            'http://old.example/debian/dists/wheezy/updates/InRelease' x 0 \n\
            'cdrom:[Debian]/dists/bookworm/InRelease' x 0 \n'http://flat.example/packages/./InRelease' x 0 \n\
            'http://debian.example/debian/dists/trixie/InRelease' x 0 \nReading package lists...\n";
        assert_eq!(mirrors(uris), ["http://debian.example/debian"]);
        assert!(mirrors("").is_empty() && mirrors("'' '").is_empty());
    }
}
