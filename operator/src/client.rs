//! The Kubernetes client, with bounds of ours instead of the library's.

use std::time::Duration;

use kube::{Client, Config};

/// Opening a connection to an API server in the same cluster takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longer than the 290 s after which a watch ends by itself, so that no healthy watch is cut.
const READ_TIMEOUT: Duration = Duration::from_secs(295);
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Neither a kubeconfig nor a pod's service account was found.
    #[error("failed to find out how to reach Kubernetes")]
    Infer(#[from] kube::config::InferConfigError),
    /// What was found does not make a client.
    #[error("failed to make a Kubernetes client")]
    Build(#[from] kube::Error),
}

/// A client from the environment: a pod's service account, or a kubeconfig.
///
/// The library's own retries (15 tries, POST included, up to 164 s) are off: each reconcile is bounded
/// and repeated as a whole.
///
/// # Errors
/// Nothing says where Kubernetes is, or what says so is broken.
pub(crate) async fn connect() -> Result<Client, Error> {
    let mut config = Config::infer().await?;
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    config.read_timeout = Some(READ_TIMEOUT);
    config.write_timeout = Some(WRITE_TIMEOUT);
    Ok(k8s_client::connect(config)?)
}
