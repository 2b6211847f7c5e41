//! Flags, each with an environment variable.

use std::path::{Path, PathBuf};

use crds::names;
use url::Url;

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
    #[arg(long, env = "SMBCOPILOT_TENANT")]
    pub(crate) tenant: String,
    /// The directory below which each step host has its own: `host-<i>/host.sock`.
    #[arg(long, env = "SMBCOPILOT_SOCKETS", default_value = "/run/smb")]
    pub(crate) sockets: PathBuf,
    /// The image of Python steps that name none, as the operator knows it: both number hosts by their images.
    #[arg(long, env = "SMBCOPILOT_PYTHON_IMAGE")]
    pub(crate) python_image: String,
    /// The directory below which each of the workflow's secrets has its own: `<name>/<key>`.
    #[arg(long, env = "SMBCOPILOT_SECRETS", default_value = "/run/smb-secrets")]
    pub(crate) secrets: PathBuf,
    /// The api-server's internal port. Without it there is no object storage, and logs are on standard output alone.
    #[arg(long, env = "SMBCOPILOT_API_URL")]
    pub(crate) api_url: Option<Url>,
    /// The projected token for it.
    #[arg(long, env = "SMBCOPILOT_API_TOKEN", default_value_os_t = Path::new(names::API_TOKEN_DIRECTORY).join("token"))]
    pub(crate) api_token: PathBuf,
    /// Take another run of the same revision when one has left, instead of leaving: the operator ends this pod.
    #[arg(long, env = "SMBCOPILOT_STAY")]
    pub(crate) stay: bool,
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}
