//! Resources of this pod that a run uses.

use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::{api::ApiServer, logs::Logs, step_host::HostConnections};

/// Resources of the runner, which stay the same for all runs in this pod.
pub(crate) struct RunnerContext<'a, C> {
    pub(crate) cluster: &'a C,
    pub(crate) pod_uid: &'a str,
    /// Image of Python steps that specify none.
    pub(crate) python_image: &'a str,
    pub(crate) hosts: HostConnections,
    /// Directory with the workflow's secrets as files `<name>/<key>`.
    pub(crate) secrets: &'a Path,
    /// Client of the api-server; `None` if none is configured.
    pub(crate) api: Option<&'a ApiServer>,
    pub(crate) logs: Logs,
    /// Cancelled by SIGTERM.
    pub(crate) stop: CancellationToken,
}
