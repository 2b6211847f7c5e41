//! Flags, each with an environment variable.

use std::path::PathBuf;

/// Executes the steps of one workflow run, inside the pod of its Job.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Config {
    /// Name of this pod.
    #[arg(long, env = "POD_NAME")]
    pub(crate) pod_name: String,
    /// The tenant's namespace.
    #[arg(long, env = "POD_NAMESPACE")]
    pub(crate) pod_namespace: String,
    /// The pod's UID: runs whose `status.runner.podUid` is this one are ours.
    #[arg(long, env = "POD_UID")]
    pub(crate) pod_uid: String,
    /// Slug of the tenant.
    #[arg(long, env = "SMB_TENANT")]
    pub(crate) tenant: String,
    /// The directory below which each step host has its own: `host-<i>/host.sock`.
    #[arg(long, env = "SMB_SOCKETS", default_value = "/run/smb")]
    pub(crate) sockets: PathBuf,
    /// The image of Python steps that name none, as the operator knows it: both number hosts by their images.
    #[arg(long, env = "SMB_PYTHON_IMAGE")]
    pub(crate) python_image: String,
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}
