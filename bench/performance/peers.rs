//! The peers in `peers/`: the same two endpoints, written as is usual in other languages. They are built into the target
//! folder, with the versions in their lock files.
//!
//! Those in Go and Node have two forms. The bare one has the endpoints and a line of log. The other one does the same work
//! as the apps: ids of requests, metrics, a deadline, compression, security headers, and for a commit its GTID and
//! whether a replica acknowledged it.

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

/// The peer with which the goals compare the apps, and its bare form.
pub(crate) const GO: &str = "Go, the same work";
pub(crate) const BARE_GO: &str = "Go, bare";

/// The argument with which a peer does the same work as the apps.
const SAME: &str = "same";

/// A peer that is built.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    program: PathBuf,
    arguments: Vec<&'static str>,
    folder: PathBuf,
}

/// Builds all peers.
pub(crate) fn build() -> anyhow::Result<Vec<Peer>> {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers");
    let peers = || {
        let [go, node, flask] = ["go", "node", "flask"].map(|name| built.join(name));
        let (go, node, flask) = (self::go(&go)?, self::node(&node)?, self::flask(&flask)?);
        let same_go = go.same(GO, built.join("go/same"))?;
        let same_node = node.same("Node, the same work", built.join("node/same"))?;
        anyhow::Ok(vec![same_go, same_node, flask, go, node])
    };
    peers().context("cannot build a peer; --without-peers leaves the peers out")
}

fn go(built: &Path) -> anyhow::Result<Peer> {
    let (folder, program) = (source("go"), built.join("peer"));
    succeed(Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(&folder))?;
    Ok(Peer { name: BARE_GO, program, arguments: Vec::new(), folder })
}

fn node(built: &Path) -> anyhow::Result<Peer> {
    fs::create_dir_all(built)?;
    for name in [".npmrc", "package.json", "package-lock.json", "same.js", "server.js"] {
        fs::copy(source("node").join(name), built.join(name))?;
    }
    once(built, "package-lock.json", || {
        succeed(
            Command::new("npm")
                .args(["ci", "--no-progress", "--loglevel=error"])
                .current_dir(built),
        )
    })?;
    let node = Command::new("node").args(["--print", "process.execPath"]).output()?;
    let program = String::from_utf8(node.stdout)?.trim().into();
    let (arguments, folder) = (vec!["server.js"], built.to_owned());
    Ok(Peer { name: "Node, bare", program, arguments, folder })
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
    Ok(Peer { name: "Python, Flask", program, arguments: vec!["server:app"], folder })
}

impl Peer {
    /// The same peer, which does the same work as the apps. Its program is a copy: two processes of one file share its
    /// pages, and each would count half of them.
    fn same(&self, name: &'static str, program: PathBuf) -> anyhow::Result<Self> {
        fs::copy(&self.program, &program)?;
        let arguments = self.arguments.iter().copied().chain([SAME]).collect();
        Ok(Self { name, program, arguments, folder: self.folder.clone() })
    }

    /// Starts the peer, and returns when it answers.
    pub(crate) async fn start(&self, login: &Login) -> anyhow::Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(&self.folder);
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
