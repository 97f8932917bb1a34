//! The little that bootstrap.sh asks of Kubernetes: does a pod have a claim with a volume, and what is
//! its address? In a cluster the API server answers, over TLS and to those who may ask; here it is
//! plain HTTP on a loopback address.

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

/// A running stand-in. It stops when it is dropped.
pub struct Running {
    available: Arc<AtomicBool>,
    _serving: AbortOnDropHandle<()>,
}

impl Running {
    /// From now on requests are answered, or refused with status 503.
    pub fn set_available(&self, available: bool) {
        self.available.store(available, Ordering::Relaxed);
    }
}

#[derive(Clone)]
struct Objects {
    available: Arc<AtomicBool>,
    endpoints: Endpoints,
    volumes: PathBuf,
}

/// Answers for the pods in `endpoints`, and for a claim for each folder in `volumes`.
///
/// # Errors
///
/// Where the address is taken.
pub async fn serve(
    address: SocketAddrV4,
    endpoints: Endpoints,
    volumes: PathBuf,
) -> io::Result<Running> {
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
    Ok(Running { available, _serving: AbortOnDropHandle::new(serving) })
}

/// Writes what a pod is given to ask with.
///
/// # Errors
///
/// Where the folder cannot be made or written.
pub fn mount_service_account(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("namespace"), "default")?;
    // Not needed for plain HTTP, but curl wants it to be there.
    fs::write(folder.join("ca.crt"), "")?;
    fs::write(folder.join("token"), "for-the-local-cluster")
}

/// An object, or why there is none, as the API server says it.
type Answer = Result<String, (StatusCode, &'static str)>;

const NOT_FOUND: (StatusCode, &str) = (StatusCode::NOT_FOUND, "reason: NotFound\n");

/// A claim is bound as long as its pod's folder is there.
async fn claim(
    State(objects): State<Objects>,
    extract::Path(name): extract::Path<String>,
) -> Answer {
    objects.check_available()?;
    let pod = name.strip_prefix("data-").ok_or(NOT_FOUND)?;
    let exists = objects.volumes.join(pod).is_dir();
    exists.then(|| format!("spec:\n  volumeName: {pod}\n")).ok_or(NOT_FOUND)
}

async fn pod(State(objects): State<Objects>, extract::Path(name): extract::Path<String>) -> Answer {
    objects.check_available()?;
    let pods = objects.endpoints.all();
    let endpoint = pods.get(&name).ok_or(NOT_FOUND)?;
    Ok(format!("status:\n  podIP: {}\n", endpoint.address))
}

impl Objects {
    fn check_available(&self) -> Result<(), (StatusCode, &'static str)> {
        if self.available.load(Ordering::Relaxed) {
            Ok(())
        } else {
            Err((StatusCode::SERVICE_UNAVAILABLE, "reason: ServiceUnavailable\n"))
        }
    }
}
