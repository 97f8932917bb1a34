//! Processor time and memory of processes, from `/proc`: <https://man7.org/linux/man-pages/man5/proc.5.html>.

use std::{fs, path::Path, time::Duration};

use anyhow::Context as _;

/// A process and its children in the same process group, such as gunicorn's workers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProcessGroup(pub(crate) u32);

impl ProcessGroup {
    fn ids(self) -> anyhow::Result<Vec<u32>> {
        let entries = fs::read_dir("/proc")?.filter_map(Result::ok);
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        // A process may end before its file is read.
        let is_in_group = |id: &u32| group_of(*id).is_ok_and(|group| group == self.0);
        Ok(ids.filter(is_in_group).collect())
    }

    /// The processor time that the group has used so far.
    pub(crate) fn processor_time(self) -> anyhow::Result<Duration> {
        self.ids()?.into_iter().map(processor_time).sum()
    }

    /// The group's memory in MiB (proportional set size): private pages, and each process's share of shared pages.
    pub(crate) fn memory(self) -> anyhow::Result<f64> {
        let each = self.ids()?.into_iter().map(|id| mebibytes(id, "smaps_rollup", "Pss:"));
        each.sum()
    }
}

/// The processor time that one process has used so far, in user and kernel mode.
pub(crate) fn processor_time(id: u32) -> anyhow::Result<Duration> {
    let fields = fields(id)?;
    let ticks: u64 = fields.get(11..13).context("/proc/ID/stat is short")?.iter().sum();
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// Resident memory of one process, in MiB.
pub(crate) fn resident(id: u32) -> anyhow::Result<f64> {
    mebibytes(id, "status", "VmRSS:")
}

/// The highest resident memory that the process has ever had, in MiB.
pub(crate) fn most_resident(id: u32) -> anyhow::Result<f64> {
    mebibytes(id, "status", "VmHWM:")
}

fn group_of(id: u32) -> anyhow::Result<u32> {
    Ok(u32::try_from(*fields(id)?.get(2).context("/proc/ID/stat is short")?)?)
}

/// The fields of `/proc/ID/stat` after the second, the name, which may contain spaces.
fn fields(id: u32) -> anyhow::Result<Vec<u64>> {
    let stat = fs::read_to_string(file(id, "stat"))?;
    let (_, rest) = stat.rsplit_once(')').context("/proc/ID/stat has no name")?;
    Ok(rest.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
}

fn mebibytes(id: u32, name: &str, label: &str) -> anyhow::Result<f64> {
    let text = fs::read_to_string(file(id, name))?;
    let line = text.lines().find_map(|line| line.strip_prefix(label));
    let number = line.with_context(|| format!("/proc/{id}/{name} has no {label}"))?;
    Ok(number.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

fn file(id: u32, name: &str) -> std::path::PathBuf {
    Path::new("/proc").join(id.to_string()).join(name)
}
