use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::Context as _;

/// The folder for downloads and for the demo's volumes: `headless-service-demo` in `$XDG_CACHE_HOME` or
/// `~/.cache`. It may not exist yet.
///
/// # Errors
///
/// If `XDG_CACHE_HOME` is not an absolute path and the user has no home.
pub fn cache_folder() -> anyhow::Result<PathBuf> {
    // Without HOME this is the home that the system knows of this user.
    let home = env::home_dir().filter(|home| home.is_absolute());
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    cache_in(cache, home.as_deref())
}

fn cache_in(cache: Option<PathBuf>, home: Option<&Path>) -> anyhow::Result<PathBuf> {
    let cache = cache.filter(|path| path.is_absolute());
    let cache = cache.or_else(|| home.map(|home| home.join(".cache")));
    let cache = cache.context("set XDG_CACHE_HOME: MySQL and its data need a folder")?;
    Ok(cache.join("headless-service-demo"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use super::*;

    #[test]
    fn a_cache_folder_that_is_not_absolute_does_not_count() {
        for (cache, home, expected) in [
            (Some("/cache"), Some("/home/ada"), Some("/cache/headless-service-demo")),
            (Some("cache"), Some("/home/ada"), Some("/home/ada/.cache/headless-service-demo")),
            (Some(""), Some("/home/ada"), Some("/home/ada/.cache/headless-service-demo")),
            (None, Some("/home/ada"), Some("/home/ada/.cache/headless-service-demo")),
            (Some("/cache"), None, Some("/cache/headless-service-demo")),
            (Some("."), None, None),
            (None, None, None),
        ] {
            let folder = cache_in(cache.map(PathBuf::from), home.map(Path::new));
            assert_eq!(folder.ok().as_deref(), expected.map(Path::new), "{cache:?} {home:?}");
        }
    }
}
