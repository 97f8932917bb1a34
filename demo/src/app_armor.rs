//! AppArmor, which on Ubuntu keeps `/usr/sbin/mysqld` in the folders of the system's own server.

use std::path::Path;

/// Where profiles are. The file of a program is named by its path, with dots for slashes.
const PROFILES: &str = "/etc/apparmor.d";

/// What to do, if AppArmor is why this server ended: it was denied a file, and has a profile that is in force.
pub(crate) fn advice(server: &Path, end_of_log: &[String]) -> Option<String> {
    advice_for(Path::new(PROFILES), server, end_of_log)
}

fn advice_for(profiles: &Path, server: &Path, end_of_log: &[String]) -> Option<String> {
    let denied = ["Permission denied", "errno 13", "errno: 13"];
    let was_denied = end_of_log.iter().any(|line| denied.iter().any(|words| line.contains(words)));
    let name = server.to_str()?.trim_start_matches('/').replace('/', ".");
    let (profile, disabled) = (profiles.join(&name), profiles.join("disable").join(&name));
    (was_denied && profile.exists() && !disabled.exists()).then(|| {
        format!(
            "AppArmor's profile {profile} keeps {server} out of the demo's folders. Switch it off: sudo ln -s \
             {profile} {disabled} && sudo apparmor_parser --remove {profile}",
            profile = profile.display(),
            server = server.display(),
            disabled = disabled.display()
        )
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

    use std::fs;

    use super::*;

    #[test]
    fn the_profile_is_named_if_it_is_in_force_and_the_server_was_denied_a_file() {
        let profiles = tempfile::tempdir().unwrap();
        let server = Path::new("/usr/sbin/mysqld");
        let advice = |server, line: &str| advice_for(profiles.path(), server, &[line.to_owned()]);
        // A line of mysqld's, and one of the shell that starts it.
        let denied =
            "mysqld: Can't create/write to file '/root/x' (OS errno 13 - Permission denied)";
        let also_denied = "bootstrap.sh: line 60: /usr/sbin/mysqld: Permission denied";

        assert_eq!(advice(server, denied), None, "there is no profile");
        fs::write(profiles.path().join("usr.sbin.mysqld"), "").unwrap();

        for line in
            [denied, also_denied, "[ERROR] InnoDB: Operating system error number 13, errno: 13"]
        {
            let said = advice(server, line).unwrap();
            assert!(said.contains("/usr.sbin.mysqld keeps /usr/sbin/mysqld out"), "{said}");
        }
        assert_eq!(advice(server, "[ERROR] InnoDB: No space left on device"), None);
        assert_eq!(advice(Path::new("/opt/mysql/bin/mysqld"), denied), None);
        fs::create_dir(profiles.path().join("disable")).unwrap();
        fs::write(profiles.path().join("disable/usr.sbin.mysqld"), "").unwrap();
        assert_eq!(advice(server, denied), None, "the profile is switched off");
    }
}
