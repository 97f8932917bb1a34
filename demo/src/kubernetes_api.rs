//! A stand-in for the Kubernetes API server. It answers the two requests that bootstrap.sh sends: does a pod have
//! a claim with a volume, and what is the pod's address? It has neither TLS nor access control.

use std::{
    fs, io,
    net::SocketAddrV4,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
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

/// The running stand-in. It stops when it is dropped.
pub(crate) struct ApiServer {
    available: Arc<AtomicBool>,
    _serving: AbortOnDropHandle<()>,
}

impl ApiServer {
    /// Makes it answer requests, or refuse them with status 503.
    pub(crate) fn set_available(&self, available: bool) {
        self.available.store(available, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Objects {
    available: Arc<AtomicBool>,
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
    let available = Arc::new(AtomicBool::new(true));
    let objects = Objects { available: available.clone(), endpoints, volumes };
    let routes = Router::new()
        .route("/api/v1/namespaces/default/persistentvolumeclaims/{name}", get(claim))
        .route("/api/v1/namespaces/default/pods/{name}", get(pod))
        .with_state(objects);
    let serving = tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes).await {
            tracing::error!(%error, "the stand-in for the API server ended");
        }
    });
    Ok(ApiServer { available, _serving: AbortOnDropHandle::new(serving) })
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

/// A pod has a claim if its folder exists.
async fn claim(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Result<String, Refusal> {
    objects.check_available()?;
    let pod = name.strip_prefix("data-").ok_or(NOT_FOUND)?;
    let exists = objects.volumes.join(pod).is_dir();
    exists.then(|| format!("spec:\n  volumeName: {pod}\n")).ok_or(NOT_FOUND)
}

async fn pod(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Result<String, Refusal> {
    objects.check_available()?;
    let pods = objects.endpoints.all();
    let endpoint = pods.get(&name).ok_or(NOT_FOUND)?;
    Ok(format!("status:\n  podIP: {}\n", endpoint.address))
}

impl Objects {
    fn check_available(&self) -> Result<(), Refusal> {
        if self.available.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err((StatusCode::SERVICE_UNAVAILABLE, "reason: ServiceUnavailable\n"))
        }
    }
}
