//! The folder for sockets, mounted files and the programs' wrappers: the first place that can hold them.

use std::{
    env,
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail, ensure};
use rustix::fs::{StatVfsMountFlags, statvfs};
use tempfile::TempDir;

/// A socket's path has at most 107 bytes: <https://man7.org/linux/man-pages/man7/unix.7.html>. This is what
/// `/mysql-8/private.sock` leaves of them.
const LONGEST: usize = 107 - "/mysql-8/private.sock".len();

/// Makes the folder in `$TMPDIR`, or else in `/tmp` or in the cache folder. `TMPDIR` may be missing, read-only, too long
/// for a socket, or on a file system that runs no programs. The folder is removed when it is dropped.
///
/// # Errors
///
/// If all of these places are like that. The message says what each of them lacks.
pub fn run_folder(cache: &Path) -> anyhow::Result<TempDir> {
    run_folder_in(&[env::temp_dir(), "/tmp".into(), cache.to_owned()])
}

fn run_folder_in(places: &[PathBuf]) -> anyhow::Result<TempDir> {
    let mut reasons = Vec::new();
    for place in places {
        match folder_in(place) {
            Ok(folder) => return Ok(folder),
            Err(error) => reasons.push(format!("{}: {error:#}", place.display())),
        }
    }
    reasons.dedup();
    bail!(
        "no folder can hold the servers' sockets ({}); set TMPDIR to a folder with a short path, in which you can \
         write and run programs",
        reasons.join("; ")
    )
}

fn folder_in(place: &Path) -> anyhow::Result<TempDir> {
    let place = std::path::absolute(place)?;
    std::fs::create_dir_all(&place).context("the folder cannot be made")?;
    // A password and the socket for commands are for the user who starts the demo.
    let folder = tempfile::Builder::new()
        .prefix("mysql-demo-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in(&place)?;
    ensure!(
        folder.path().as_os_str().len() <= LONGEST,
        "the path is too long for a socket, by {} bytes",
        folder.path().as_os_str().len() - LONGEST
    );
    let flags = statvfs(folder.path())?.f_flag;
    ensure!(!flags.contains(StatVfsMountFlags::NOEXEC), "no program may run there (noexec)");
    Ok(folder)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    #[test]
    fn a_place_that_cannot_hold_sockets_is_passed_over_and_named_if_none_can() {
        let good = tempfile::tempdir().unwrap();
        let file = good.path().join("file");
        std::fs::write(&file, "").unwrap();
        let bad = [good.path().join("long".repeat(30)), file.join("below"), "/proc".into()];
        for place in &bad {
            let folder = run_folder_in(&[place.clone(), good.path().to_owned()]).unwrap();
            assert_eq!(folder.path().parent().unwrap(), good.path());
        }

        let refusal = run_folder_in(&bad).unwrap_err().to_string();

        for words in ["too long for a socket, by ", "/file/below: ", "/proc: ", "set TMPDIR"] {
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
