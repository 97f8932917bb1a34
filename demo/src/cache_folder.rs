use std::path::PathBuf;

use anyhow::Context as _;

/// The folder for downloads and for the demo's volumes: `headless-service-demo` in `$XDG_CACHE_HOME` or
/// `~/.cache`. It may not exist yet.
///
/// # Errors
///
/// If neither `XDG_CACHE_HOME` nor `HOME` is an absolute path.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = folder("XDG_CACHE_HOME").or_else(|| folder("HOME").map(|home| home.join(".cache")));
    let cache = cache.context("set HOME or XDG_CACHE_HOME: MySQL and its data need a folder")?;
    Ok(cache.join("headless-service-demo"))
}
