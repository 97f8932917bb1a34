//! A stand-in for the Kubernetes API server. It answers the three requests that bootstrap.sh sends: what is a pod's
//! claim, what is its address, and take the mark `never-had-data` from the claim. It has no TLS and no access
//! control.

use std::{
    fs, io,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::{self, State},
    http::StatusCode,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::endpoints::Endpoints;

/// How the stand-in answers.
#[derive(Clone, Copy, Debug)]
pub enum ApiState {
    /// As it should.
    Working,
    /// With status 503.
    Unavailable,
    /// With at most this many bytes of each object, and status 200 as if that were all.
    CutShort(usize),
}

/// The running stand-in. It stops when it is dropped.
pub(crate) struct ApiServer {
    state: Arc<Mutex<ApiState>>,
    _serving: AbortOnDropHandle<()>,
}

impl ApiServer {
    /// Makes it answer requests like this.
    pub(crate) fn set_state(&self, state: ApiState) {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }
}

#[derive(Clone)]
struct Objects {
    state: Arc<Mutex<ApiState>>,
    endpoints: Endpoints,
    volumes: PathBuf,
}

/// Serves the pods in `endpoints`, and a claim for each folder in `volumes`.
pub(crate) async fn serve(
    address: SocketAddrV4,
    endpoints: Endpoints,
    volumes: PathBuf,
) -> io::Result<ApiServer> {
    let listener = TcpListener::bind(address).await?;
    let state = Arc::new(Mutex::new(ApiState::Working));
    let objects = Objects { state: state.clone(), endpoints, volumes };
    let routes = Router::new()
        .route(
            "/api/v1/namespaces/default/persistentvolumeclaims/{name}",
            get(claim).patch(take_mark),
        )
        .route("/api/v1/namespaces/default/pods/{name}", get(pod))
        .with_state(objects);
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the stand-in for the API server ended");
        }
    });
    Ok(ApiServer { state, _serving: AbortOnDropHandle::new(serving) })
}

/// Writes the files of a service account, which bootstrap.sh reads before its requests.
pub(crate) fn mount_service_account(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("namespace"), "default")?;
    // Plain HTTP needs no certificate, but curl fails if the file is missing.
    fs::write(folder.join("ca.crt"), "")?;
    fs::write(folder.join("token"), "for-the-local-cluster")
}

/// A status and the body that the API server sends with it.
type Refusal = (StatusCode, &'static str);

const NOT_FOUND: Refusal = (StatusCode::NOT_FOUND, "reason: NotFound\n");

/// The file beside a volume that is there while its claim has the mark.
fn mark(volumes: &Path, pod: &str) -> PathBuf {
    volumes.join(format!("{pod}.never-had-data"))
}

/// The file beside a volume that is there while its claim is being deleted.
fn deletion(volumes: &Path, pod: &str) -> PathBuf {
    volumes.join(format!("{pod}.deleted"))
}

/// Makes a pod's claim and its empty volume, as the StatefulSet does, unless they are there.
pub(crate) fn make_claim(volumes: &Path, pod: &str) -> io::Result<()> {
    let volume = volumes.join(pod);
    if volume.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(volumes)?;
    remove_if_there(&deletion(volumes, pod))?;
    fs::write(mark(volumes, pod), "")?;
    fs::create_dir(volume)
}

/// Whether a pod has a volume that may hold data and that stays.
pub(crate) fn may_have_data(volumes: &Path, pod: &str) -> bool {
    let (never_had_data, is_being_deleted) = (mark(volumes, pod), deletion(volumes, pod));
    volumes.join(pod).is_dir() && !never_had_data.exists() && !is_being_deleted.exists()
}

/// Deletes a pod's claim and its volume. The mark that says so goes last: see [`finish_deletions`].
pub(crate) fn delete_claim(volumes: &Path, pod: &str) -> io::Result<()> {
    let volume = volumes.join(pod);
    if volume.is_dir() {
        fs::remove_dir_all(volume)?;
    }
    remove_if_there(&mark(volumes, pod))?;
    remove_if_there(&deletion(volumes, pod))
}

/// Deletes the claims whose deletion began in an earlier run, which ended before their pods did.
pub(crate) fn finish_deletions(volumes: &Path) -> io::Result<()> {
    let pods = (0..=u8::MAX).map(|ordinal| format!("mysql-{ordinal}"));
    pods.filter(|pod| deletion(volumes, pod).exists())
        .try_for_each(|pod| delete_claim(volumes, &pod))
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Asks for the deletion of a pod's claim, which stays while a pod uses it.
pub(crate) fn begin_to_delete_claim(volumes: &Path, pod: &str) -> io::Result<()> {
    fs::write(deletion(volumes, pod), "")
}

/// A pod has a claim if its folder exists.
async fn claim(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Result<String, Refusal> {
    let pod = objects.pod_of_claim(&name)?;
    let line =
        |is_there: bool, line: &str| if is_there { format!("{line}\n") } else { String::new() };
    let marked = line(
        mark(&objects.volumes, pod).exists(),
        "    headless-service-demo/never-had-data: \"true\"",
    );
    let deleted = line(
        deletion(&objects.volumes, pod).exists(),
        "  deletionTimestamp: \"2026-11-27T10:00:00Z\"",
    );
    Ok(objects.answer(&format!(
        "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata:\n  annotations:\n{marked}    \
         volume.kubernetes.io/storage-provisioner: test\n{deleted}  name: {name}\n\
         spec:\n  volumeName: {pod}\nstatus:\n  phase: Bound\n"
    )))
}

/// Takes the mark away; it may be gone already.
async fn take_mark(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Result<String, Refusal> {
    let pod = objects.pod_of_claim(&name)?;
    remove_if_there(&mark(&objects.volumes, pod))
        .map_err(|_| (StatusCode::INTERNAL_SERVER_ERROR, "reason: InternalError\n"))?;
    Ok(objects.answer("kind: PersistentVolumeClaim\nstatus:\n  phase: Bound\n"))
}

async fn pod(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Result<String, Refusal> {
    objects.check_available()?;
    let pods = objects.endpoints.all();
    let address = pods.get(&name).ok_or(NOT_FOUND)?.address;
    Ok(objects.answer(&format!("apiVersion: v1\nkind: Pod\nstatus:\n  podIP: {address}\n")))
}

impl Objects {
    fn state(&self) -> ApiState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_available(&self) -> Result<(), Refusal> {
        match self.state() {
            ApiState::Unavailable => {
                Err((StatusCode::SERVICE_UNAVAILABLE, "reason: ServiceUnavailable\n"))
            }
            ApiState::Working | ApiState::CutShort(_) => Ok(()),
        }
    }

    /// The pod whose claim has this name, if there is such a claim.
    fn pod_of_claim<'a>(&self, name: &'a str) -> Result<&'a str, Refusal> {
        self.check_available()?;
        let pod = name.strip_prefix("data-").ok_or(NOT_FOUND)?;
        if self.volumes.join(pod).is_dir() { Ok(pod) } else { Err(NOT_FOUND) }
    }

    /// An object, or the part of it that is sent.
    fn answer(&self, object: &str) -> String {
        match self.state() {
            ApiState::CutShort(bytes) => object.chars().take(bytes).collect(),
            ApiState::Working | ApiState::Unavailable => object.to_owned(),
        }
    }
}
