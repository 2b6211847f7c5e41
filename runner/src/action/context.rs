//! Resources of the runner that attempts use.

use std::sync::Arc;

use domain::{egress::Egress, run::Run};
use telemetry::trace::TraceContext;

use crate::{
    api::ApiServer,
    logs::Logs,
    secrets::{Redactor, Secrets},
    step_host::Hosts,
};

/// Run and resources that all of its attempts share.
#[derive(Clone)]
pub(crate) struct StepContext {
    pub(crate) run: Arc<Run>,
    pub(crate) run_name: Arc<str>,
    pub(crate) run_uid: Arc<str>,
    pub(crate) hosts: Hosts,
    pub(crate) egress: Arc<Egress>,
    pub(crate) logs: Logs,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) redactor: Redactor,
    /// Client of the api-server; `None` if none is configured, which also means that there is no object storage.
    pub(crate) api: Option<ApiServer>,
    /// Span above those of the attempts: that of the run, and within an attempt, that of the attempt.
    pub(crate) span: TraceContext,
}
