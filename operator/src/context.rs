//! What every reconcile may use.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use tokio_util::task::TaskTracker;

use crate::{
    config::Config,
    events::{Events, Note},
    metrics::Metrics,
    run::{Fence, Pool, Pulls, Revisions, Slots},
    watch::{Stores, kicks::Kicks},
    workflow::{LastRuns, Pruned},
};

/// What every reconcile may use.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) config: Config,
    pub(crate) stores: Stores,
    pub(crate) kicks: Kicks,
    pub(crate) events: Events,
    pub(crate) metrics: Metrics,
    /// Who holds a slot, and who waits for one.
    pub(crate) slots: Slots,
    /// Whether runners are known to be fenced.
    pub(crate) fence: Fence,
    /// Who has the pods that stay after their run.
    pub(crate) pool: Pool,
    /// Since when pods wait for images.
    pub(crate) pulls: Pulls,
    /// Revisions read lately.
    pub(crate) revisions: Revisions,
    /// Runs that finished since they were last written into their workflows.
    pub(crate) last_runs: LastRuns,
    /// Which revisions of workflows were looked through.
    pub(crate) pruned: Pruned,
    /// Events that are being written.
    pub(crate) telling: TaskTracker,
}

impl Context {
    /// Tells of something where one cannot wait for it.
    pub(crate) fn tell_later(self: &Arc<Self>, object: ObjectReference, note: Note) {
        let events = self.events.clone();
        self.telling.spawn(async move { events.tell(&object, note).await });
    }
}
