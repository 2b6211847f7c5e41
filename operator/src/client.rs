//! Client of the Kubernetes API, with timeouts that fit a controller.

use std::time::Duration;

use http::Method;
use kube::{Client, Config};

use crate::selection::selection;

/// Timeout for opening a connection. An API server in the same cluster answers within milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Timeout for reading from a connection. Watches end by themselves after 290 s, so no healthy watch is interrupted.
const READ_TIMEOUT: Duration = Duration::from_secs(295);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Reason for which no client could be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Neither a kubeconfig nor the service account of a pod was found.
    #[error("failed to find out how to reach Kubernetes")]
    Infer(#[from] kube::config::InferConfigError),
    /// The configuration that was found cannot be used.
    #[error("failed to create a Kubernetes client")]
    Build(#[from] kube::Error),
}

/// Clients of the same API server.
pub(crate) struct Clients {
    /// Client whose responses contain only what the operator decides on.
    pub(crate) selective: Client,
    /// Client whose responses contain full objects.
    pub(crate) full: Client,
    /// Client that renews the Lease. Its requests are not counted: they are the same whatever the operator does.
    pub(crate) lease: Client,
}

/// Returns clients that are configured by the environment: the service account of the pod, or a kubeconfig. They call `on_request`
/// with the method of each request, except for those that renew the Lease.
///
/// The retries of the `kube` crate (15 attempts, POST included, up to 164 s) are disabled: each reconcile has
/// a timeout and is retried from its beginning.
///
/// # Errors
/// Returns an error if no configuration is found, or if it cannot be used.
pub(crate) async fn connect(
    on_request: impl Fn(&Method) + Clone + Send + Sync + 'static,
) -> Result<Clients, Error> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    let full = k8s_client::connect_selective(config.clone(), |_| None, on_request.clone())?;
    let lease = k8s_client::connect(config.clone())?;
    let selective = k8s_client::connect_selective(config, selection, on_request)?;
    Ok(Clients { selective, full, lease })
}
