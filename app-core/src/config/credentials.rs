//! The app's MySQL account and its password, at this moment.
//!
//! A mounted Secret can change while the app runs. The kubelet then replaces the folder by one symlink,
//! within a minute or so
//! (<https://kubernetes.io/docs/concepts/configuration/secret/#mounted-secrets-are-updated-automatically>).
//! So the app reads account and password from their files again for every connection that it opens, and a
//! new password needs no restart. Where a file is not usable, the app keeps the last good value.

use std::{
    fmt, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::sleep;

use super::{
    environment::read_file,
    password::{MUST_BE, Password},
};

/// How often [`Credentials::follow`] reads the files.
const PERIOD: Duration = Duration::from_secs(5);

/// How often at most the files are read again until two readings agree. Without two, the last values stay.
const ATTEMPTS: usize = 4;

/// An account and its password. Clones share them.
#[derive(Clone, Debug)]
pub struct Credentials(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    user: Value,
    password: Value,
}

/// What to log in with.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account.
    pub user: String,
    /// Its password; does not print.
    pub password: SecretString,
}

/// An account or a password: fixed, or read from a file.
#[derive(Debug)]
pub(crate) struct Value {
    good: SecretString,
    file: Option<File>,
}

#[derive(Debug)]
struct File {
    /// The variable that names the file, for the log.
    variable: &'static str,
    path: PathBuf,
    /// Whether its content can be used, or what it must be instead.
    check: fn(&str) -> Result<(), &'static str>,
    /// Whether the log says already that the file is not usable.
    is_reported: bool,
}

impl Credentials {
    #[must_use]
    pub(crate) fn new(user: Value, password: Value) -> Self {
        Self(Arc::new(Mutex::new(Known { user, password })))
    }

    /// The login for a new connection. Reads the files without `await`: a small file on a volume in memory
    /// takes microseconds.
    #[must_use]
    pub fn now(&self) -> Login {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).now()
    }

    /// Reads the files every few seconds while another clone of these credentials exists, so that the log shows
    /// a change even when the app opens no connection.
    pub async fn follow(self) {
        let known = Arc::downgrade(&self.0);
        drop(self);
        while let Some(known) = Weak::upgrade(&known) {
            let _read = Self(known).now();
            sleep(PERIOD).await;
        }
    }
}

impl Known {
    fn now(&mut self) -> Login {
        self.read_again();
        let user = self.user.good.expose_secret().to_owned();
        Login { user, password: self.password.good.clone() }
    }

    /// Account and password must come from the same version of the Secret. The kubelet may replace it between
    /// the two files, so two readings in a row must agree.
    fn read_again(&mut self) {
        let mut read = self.read();
        for _ in 0..ATTEMPTS {
            let again = self.read();
            if is_same(&read.0, &again.0) && is_same(&read.1, &again.1) {
                let is_usable = self.user.is_usable(&again.0) & self.password.is_usable(&again.1);
                if is_usable {
                    self.user.take(again.0);
                    self.password.take(again.1);
                }
                return;
            }
            read = again;
        }
    }

    fn read(&self) -> (Reading, Reading) {
        (self.user.read(), self.password.read())
    }
}

/// The content of a file. None where the value does not come from a file.
type Reading = Option<io::Result<SecretString>>;

fn is_same(one: &Reading, other: &Reading) -> bool {
    let text = |reading: &Reading| {
        let secret = reading.as_ref().and_then(|read| read.as_ref().ok());
        secret.map(|secret| secret.expose_secret().to_owned())
    };
    text(one) == text(other)
}

impl Value {
    /// An account as it is at the start, and the file that it comes from.
    pub(crate) fn user(value: &str, path: Option<PathBuf>) -> Self {
        let check =
            |text: &str| if text.is_empty() { Err("text, and it is empty") } else { Ok(()) };
        let file =
            path.map(|path| File { variable: "DB_USER_FILE", path, check, is_reported: false });
        Self { good: value.into(), file }
    }

    /// A password as it is at the start, and the file that it comes from.
    pub(crate) fn password(value: &str, path: Option<PathBuf>) -> Self {
        let check = |text: &str| text.parse().map(|Password(_)| ()).map_err(|()| MUST_BE);
        let file =
            path.map(|path| File { variable: "DB_PASSWORD_FILE", path, check, is_reported: false });
        Self { good: value.into(), file }
    }

    fn read(&self) -> Reading {
        self.file.as_ref().map(File::read)
    }

    /// Whether the reading can replace the last one. If not, the log says why.
    fn is_usable(&mut self, reading: &Reading) -> bool {
        match (&mut self.file, reading) {
            (Some(file), Some(Err(error))) => {
                file.report(error);
                false
            }
            (Some(file), _) => {
                file.is_reported = false;
                true
            }
            (None, _) => true,
        }
    }

    fn take(&mut self, reading: Reading) {
        let (Some(file), Some(Ok(value))) = (&self.file, reading) else { return };
        if value.expose_secret() != self.good.expose_secret() {
            self.good = value;
            tracing::info!("{} has changed: new connections use it", file.variable);
        }
    }
}

impl File {
    fn read(&self) -> io::Result<SecretString> {
        let value = read_file(&self.path)?;
        let unusable =
            |must_be| io::Error::new(io::ErrorKind::InvalidData, format!("it must be {must_be}"));
        (self.check)(&value).map_err(unusable)?;
        Ok(value.into())
    }

    /// Logs once, until the file is usable again.
    fn report(&mut self, error: &dyn fmt::Display) {
        if !self.is_reported {
            self.is_reported = true;
            tracing::warn!("{} is not usable, the last value stays: {error}", self.variable);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, fs, path::Path};

    use super::*;

    /// A folder as the kubelet mounts it: each file is a link into the folder that `..data` points to.
    struct Mounted(PathBuf);

    impl Mounted {
        fn new(name: &str) -> Self {
            let folder = format!("app-core-credentials-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            let _none_yet = fs::remove_dir_all(&folder);
            fs::create_dir_all(&folder).unwrap();
            for name in ["user", "password"] {
                std::os::unix::fs::symlink(Path::new("..data").join(name), folder.join(name))
                    .unwrap();
            }
            Self(folder)
        }

        fn swap(&self, version: &str, [user, password]: [&str; 2]) {
            let (data, link) = (self.0.join(version), self.0.join("..data_tmp"));
            fs::create_dir(&data).unwrap();
            fs::write(data.join("user"), user).unwrap();
            fs::write(data.join("password"), password).unwrap();
            std::os::unix::fs::symlink(version, &link).unwrap();
            fs::rename(link, self.0.join("..data")).unwrap();
        }

        fn credentials(&self) -> Credentials {
            let file = |name: &str| Some(self.0.join(name));
            Credentials::new(
                Value::user("first", file("user")),
                Value::password("first", file("password")),
            )
        }
    }

    impl Drop for Mounted {
        fn drop(&mut self) {
            let _gone = fs::remove_dir_all(&self.0);
        }
    }

    fn now(credentials: &Credentials) -> (String, String) {
        let Login { user, password } = credentials.now();
        (user, password.expose_secret().to_owned())
    }

    fn pair(user: &str, password: &str) -> (String, String) {
        (user.into(), password.into())
    }

    #[test]
    fn the_next_reading_gives_the_swapped_secret() {
        let mounted = Mounted::new("swapped");
        let credentials = mounted.credentials();
        mounted.swap("v1", ["ada", "one\n"]);
        assert_eq!(now(&credentials), pair("ada", "one"));
        mounted.swap("v2", ["ada", "two"]);
        assert_eq!(now(&credentials), pair("ada", "two"));
    }

    #[test]
    fn an_unusable_file_leaves_the_last_good_value() {
        let mounted = Mounted::new("unusable");
        let credentials = mounted.credentials();
        assert_eq!(now(&credentials), pair("first", "first"), "there are no files yet");
        mounted.swap("v1", ["ada", "one"]);
        assert_eq!(now(&credentials), pair("ada", "one"));
        mounted.swap("v2", ["grace", ""]);
        assert_eq!(now(&credentials), pair("ada", "one"), "half a Secret is none");
        fs::remove_file(mounted.0.join("..data")).unwrap();
        assert_eq!(now(&credentials), pair("ada", "one"));
    }

    #[test]
    fn a_value_without_a_file_stays() {
        let credentials = Credentials::new(Value::user("ada", None), Value::password("one", None));
        assert_eq!(now(&credentials), pair("ada", "one"));
    }

    #[test]
    fn the_account_and_the_password_are_from_the_same_secret() {
        let mounted = Mounted::new("pairs");
        let credentials = mounted.credentials();
        mounted.swap("v0", ["0", "0"]);
        std::thread::scope(|scope| {
            let swapping = scope.spawn(|| {
                for version in (1..300).map(|version: u32| version.to_string()) {
                    mounted.swap(&format!("v{version}"), [&version, &version]);
                }
            });
            while !swapping.is_finished() {
                let (user, password) = now(&credentials);
                assert_eq!(user, password);
            }
        });
    }

    thread_local! {
        static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    }

    /// The log of this thread. A subscriber for one thread is not enough: `tracing` caches for all threads
    /// together whether a subscriber wants a line.
    struct Log;

    impl io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            LOG.with_borrow_mut(|log| log.write(bytes))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_log_shows_a_change_and_an_unusable_file_once_and_never_the_value() {
        let mounted = Mounted::new("log");
        tracing_subscriber::fmt().with_writer(|| Log).init();
        let credentials = mounted.credentials();
        for (version, password) in [("v1", "hunter1"), ("v2", ""), ("v3", "hunter3"), ("v4", "")] {
            mounted.swap(version, ["hunter", password]);
            for _ in 0..3 {
                let _login = credentials.now();
            }
        }

        let log = String::from_utf8(LOG.take()).unwrap();
        assert_eq!(log.matches("DB_PASSWORD_FILE has changed").count(), 2, "{log}");
        assert_eq!(log.matches("DB_PASSWORD_FILE is not usable").count(), 2, "{log}");
        assert_eq!(log.matches("DB_USER_FILE has changed").count(), 1, "{log}");
        assert!(!log.contains("hunter"), "{log}");
    }
}
