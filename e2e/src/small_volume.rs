//! Volumes of limited size in memory. Only root can mount them.

use std::{
    fs::File,
    io::{self, ErrorKind},
    path::PathBuf,
    process::Command,
};

use anyhow::ensure;

/// A volume for a pod. Drop unmounts it.
pub struct SmallVolume(PathBuf);

impl SmallVolume {
    /// Mounts a volume at `path`. It has room for a server without users, and little more.
    ///
    /// # Errors
    ///
    /// Where it cannot be mounted.
    pub fn mount(path: PathBuf) -> anyhow::Result<Self> {
        Self::mount_sized(path, 420)
    }

    /// Mounts a volume of this size at `path`. It takes as much memory as it has content.
    ///
    /// # Errors
    ///
    /// Where it cannot be mounted.
    pub fn mount_sized(path: PathBuf, mebibytes: u32) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&path)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"]);
        let mounted = mount.arg(&path).status()?;
        ensure!(mounted.success(), "these tests need the right to mount");
        Ok(Self(path))
    }

    /// How many bytes of the volume are in use, and its size.
    ///
    /// # Errors
    ///
    /// Where the file system does not say.
    pub fn usage(&self) -> io::Result<(u64, u64)> {
        let volume = rustix::fs::statvfs(&self.0)?;
        Ok((
            (volume.f_blocks - volume.f_bfree) * volume.f_frsize,
            volume.f_blocks * volume.f_frsize,
        ))
    }

    /// Fills the volume to the last byte.
    ///
    /// # Errors
    ///
    /// Where the volume did not become full.
    pub fn fill(&self) -> io::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        match io::copy(&mut File::open("/dev/zero")?, &mut ballast) {
            Err(full) if full.kind() == ErrorKind::StorageFull => Ok(()),
            Err(other) => Err(other),
            Ok(_) => Err(ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Frees what [`Self::fill`] took.
    ///
    /// # Errors
    ///
    /// Where it was not filled.
    pub fn make_room(&self) -> io::Result<()> {
        std::fs::remove_file(self.ballast())
    }

    fn ballast(&self) -> PathBuf {
        self.0.join("ballast")
    }
}

impl Drop for SmallVolume {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.0).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("{} is still mounted", self.0.display());
        }
    }
}
