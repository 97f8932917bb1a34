//! The peers in `peers/`: the same two endpoints, written as is usual in other languages. They are built into the target
//! folder, with the versions in their lock files.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, ensure};

use crate::{
    login::Login,
    server::{Server, bound},
};

/// A peer that is built.
#[derive(Clone)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: PathBuf,
    argument: Option<&'static str>,
    folder: PathBuf,
}

/// Builds all peers.
pub(crate) fn build() -> anyhow::Result<Vec<Peer>> {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let peers = [go(&built.join("go")), node(&built.join("node")), flask(&built.join("flask"))];
    let peers: anyhow::Result<Vec<_>> = peers.into_iter().collect();
    peers.context("cannot build a peer; --without-peers leaves the peers out")
}

fn go(built: &Path) -> anyhow::Result<Peer> {
    let (folder, program) = (source("go"), built.join("peer"));
    succeed(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(&folder))?;
    Ok(Peer { name: "Go, net/http", program, argument: None, folder })
}

fn node(built: &Path) -> anyhow::Result<Peer> {
    fs::create_dir_all(built)?;
    for name in [".npmrc", "package.json", "package-lock.json", "server.js"] {
        fs::copy(source("node").join(name), built.join(name))?;
    }
    once(built, "package-lock.json", || {
        succeed(
            Command::new("npm")
                .args(["ci", "--no-progress", "--loglevel=error"])
                .current_dir(built),
        )
    })?;
    let argument = Some("server.js");
    Ok(Peer { name: "Node, fastify", program: "node".into(), argument, folder: built.to_owned() })
}

fn flask(built: &Path) -> anyhow::Result<Peer> {
    let (folder, environment) = (source("flask"), built.join("environment"));
    fs::create_dir_all(built)?;
    fs::copy(folder.join("requirements.txt"), built.join("requirements.txt"))?;
    once(built, "requirements.txt", || {
        succeed(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&environment))?;
        let mut pip = Command::new(environment.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--requirement"]);
        succeed(pip.arg(built.join("requirements.txt")))
    })?;
    let program = environment.join("bin/gunicorn");
    Ok(Peer { name: "Python, Flask", program, argument: Some("server:app"), folder })
}

impl Peer {
    /// Starts the peer, and returns when it answers.
    pub(crate) async fn start(&self, login: &Login) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(self.argument).current_dir(&self.folder);
        command.env("DB_HOST", &login.address).env("DB_USER", login.user);
        command.env("DB_PASSWORD", &login.password).env("DB_NAME", "userdb");
        // Python would write compiled files beside the source.
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NODE_ENV", "production");
        let server = Server::start(bound(&command))?;
        server.wait_for_ok("/users").await.context(self.name)?;
        Ok(server)
    }
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers").join(name)
}

/// Does `work` unless it was done before for the same content of a file.
fn once(
    folder: &Path,
    file: &str,
    work: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let (wanted, done) = (fs::read(folder.join(file))?, folder.join("installed"));
    if fs::read(&done).is_ok_and(|content| content == wanted) {
        return Ok(());
    }
    work()?;
    Ok(fs::write(done, wanted)?)
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().display().to_string();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {program}: is it installed?"))?;
    ensure!(status.success(), "{program} failed");
    Ok(())
}
