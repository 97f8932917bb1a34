//! The same commands from a second terminal: a Unix socket that only the person who started the demo may use.

use std::{
    fs,
    io::{self, ErrorKind},
    os::unix::{ffi::OsStringExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, bail};
use rustix::process::getuid;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream},
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    commands::LONGEST_LINE,
    requests::{Answer, Request},
};

/// The socket's name in the folder of sockets.
const SOCKET: &str = "commands.sock";

/// The file beside the volumes that holds the socket's path. The socket is not there itself: a socket's path is short.
const PATH_FILE: &str = "commands";

/// How many clients are served at once; more wait.
const CLIENTS: usize = 16;

/// How long a client may take to send its line, or to take the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first line of an answer.
const ACCEPTED: &str = "accepted";
const REFUSED: &str = "refused";

const NOT_THE_OWNER: &str = "only the user who started the demo may send it commands";

/// Listens until it is dropped.
pub struct CommandSocket {
    path_file: PathBuf,
    _serving: AbortOnDropHandle<()>,
}

impl CommandSocket {
    /// Listens in `run`, a folder that only its owner may enter, and writes beside the volumes where that is.
    ///
    /// # Errors
    ///
    /// If the socket or the file cannot be made.
    pub fn listen(run: &Path, volumes: &Path, requests: mpsc::Sender<Request>) -> io::Result<Self> {
        let (socket, path_file) = (run.join(SOCKET), volumes.join(PATH_FILE));
        let listener = UnixListener::bind(&socket)?;
        fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
        fs::write(&path_file, socket.as_os_str().as_encoded_bytes())?;
        let serving = tokio::spawn(serve(listener, requests));
        Ok(Self { path_file, _serving: AbortOnDropHandle::new(serving) })
    }
}

impl Drop for CommandSocket {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.path_file));
    }
}

async fn serve(listener: UnixListener, requests: mpsc::Sender<Request>) {
    let clients = Arc::new(Semaphore::new(CLIENTS));
    while let Ok(client) = clients.clone().acquire_owned().await {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "cannot accept a client");
                tokio::time::sleep(PATIENCE / 10).await;
                continue;
            }
        };
        let requests = requests.clone();
        tokio::spawn(async move {
            if let Err(error) = serve_client(stream, &requests).await {
                tracing::debug!(%error, "a client went away");
            }
            drop(client);
        });
    }
}

async fn serve_client(stream: UnixStream, requests: &mpsc::Sender<Request>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let mut bounded = (&mut stream).take(LONGEST_LINE as u64 + 1);
    timeout(PATIENCE, bounded.read_until(b'\n', &mut line)).await??;
    let answer = if stream.get_ref().peer_cred()?.uid() == getuid().as_raw() {
        let answer = Request::send(requests, String::from_utf8_lossy(&line).into_owned()).await;
        answer.unwrap_or_else(|| Err("the demo is stopping".to_owned()))
    } else {
        Err(NOT_THE_OWNER.to_owned())
    };
    let (verdict, text) = match answer {
        Ok(text) => (ACCEPTED, text),
        Err(text) => (REFUSED, text),
    };
    let answer = format!("{verdict}\n{text}");
    timeout(PATIENCE, stream.write_all(answer.as_bytes())).await?
}

/// Sends one command to the demo with these volumes.
///
/// # Errors
///
/// If no demo with these volumes is up, it belongs to another user, or it goes away. The message says what to do;
/// `start` is the command that starts one.
pub async fn send(volumes: &Path, start: &str, command: &str) -> anyhow::Result<Answer> {
    let mut stream = match connect(volumes).await {
        Ok(stream) => stream,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => bail!(NOT_THE_OWNER),
        Err(error)
            if [ErrorKind::NotFound, ErrorKind::ConnectionRefused].contains(&error.kind()) =>
        {
            bail!(
                "no demo is up with its data in {}; start one with `{start}`, and wait until it shows its two URLs",
                volumes.display()
            )
        }
        Err(error) => return Err(error).context("cannot reach the demo"),
    };
    // One line, whatever the argument has. The server reads no more than this of it.
    let mut line = command.split_whitespace().collect::<Vec<_>>().join(" ").into_bytes();
    line.truncate(LONGEST_LINE + 1);
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    match answer.split_once('\n') {
        Some((ACCEPTED, text)) => Ok(Ok(text.to_owned())),
        Some((_, text)) => Ok(Err(text.to_owned())),
        None => bail!("the demo ended before it answered"),
    }
}

async fn connect(volumes: &Path) -> io::Result<UnixStream> {
    let path = fs::read(volumes.join(PATH_FILE))?;
    UnixStream::connect(PathBuf::from(std::ffi::OsString::from_vec(path))).await
}
