//! Command-line flags. Each can be set by an environment variable instead.

use std::path::{Path, PathBuf};

use crds::names;
use url::Url;

/// Executes workflow runs inside a pod of a runner Job.
#[derive(Debug, clap::Parser)]
#[command(version)]
pub(crate) struct Config {
    /// Name of this pod.
    #[arg(long, env = "POD_NAME")]
    pub(crate) pod_name: String,
    /// Namespace of this pod, which is the tenant's.
    #[arg(long, env = "POD_NAMESPACE")]
    pub(crate) pod_namespace: String,
    /// UID of this pod. The runner executes the runs whose `status.runner.podUid` has this value.
    #[arg(long, env = "POD_UID")]
    pub(crate) pod_uid: String,
    /// Slug of the tenant.
    #[arg(long, env = "SMBCOPILOT_TENANT")]
    pub(crate) tenant: String,
    /// Directory with the sockets of the step hosts: `host-<index>/host.sock`.
    #[arg(long, env = "SMBCOPILOT_SOCKETS", default_value = "/run/smb")]
    pub(crate) sockets: PathBuf,
    /// Image of Python steps that specify none. Must equal the operator's setting, since both number the step hosts by
    /// their images.
    #[arg(long, env = "SMBCOPILOT_PYTHON_IMAGE")]
    pub(crate) python_image: String,
    /// Directory with the workflow's secrets as files: `<name>/<key>`.
    #[arg(long, env = "SMBCOPILOT_SECRETS", default_value = "/run/smb-secrets")]
    pub(crate) secrets: PathBuf,
    /// URL of the api-server's internal port. If unset, large outputs cannot be stored and step logs go to standard
    /// output only.
    #[arg(long, env = "SMBCOPILOT_API_URL")]
    pub(crate) api_url: Option<Url>,
    /// Path of the projected service account token for the api-server.
    #[arg(long, env = "SMBCOPILOT_API_TOKEN", default_value_os_t = Path::new(names::API_TOKEN_DIRECTORY).join("token"))]
    pub(crate) api_token: PathBuf,
    /// Wait for another run of the same revision after each run instead of exiting. The operator then deletes the pod.
    #[arg(long, env = "SMBCOPILOT_STAY")]
    pub(crate) stay: bool,
    #[command(flatten)]
    pub(crate) logs: telemetry::logs::Options,
}
