//! Shared state of all controllers.

use kube::Client;

use crate::{
    api::FullObjects,
    config::Config,
    events::Events,
    metrics::Metrics,
    state::{
        FenceState, ImagePulls, LastRuns, ObjectCounts, Reservations, RevisionScans, Revisions, Slots,
        Validations,
    },
    watch::{ReconcileRequests, Stores},
};

/// Shared state of all controllers. It holds types of lower layers only, and no type of a controller.
pub(crate) struct Context {
    /// Client of the Kubernetes API. Its responses contain only the fields that `selection` keeps.
    pub(crate) client: Client,
    /// Reader of full objects.
    pub(crate) full: FullObjects,
    /// Configuration of the installation.
    pub(crate) config: Config,
    /// Watched objects.
    pub(crate) stores: Stores,
    /// Queues of the controllers.
    pub(crate) requests: ReconcileRequests,
    /// Publisher of Kubernetes Events.
    pub(crate) events: Events,
    /// Metrics of the operator.
    pub(crate) metrics: Metrics,
    /// Threads on which tenants' text is parsed and evaluated.
    pub(crate) compute: compute::Pool,
    /// Concurrency slots of runs.
    pub(crate) slots: Slots,
    /// Whether the runner fence is known to be in force.
    pub(crate) fence: FenceState,
    /// Reservations of pooled runner pods.
    pub(crate) reservations: Reservations,
    /// Start time of each ongoing image pull failure.
    pub(crate) image_pulls: ImagePulls,
    /// Whether the quota controller counts runs and workflows.
    pub(crate) object_counts: ObjectCounts,
    /// Cache of workflow revisions.
    pub(crate) revisions: Revisions,
    /// Finished runs that are not yet written into the status of their workflows.
    pub(crate) last_runs: LastRuns,
    /// Results of the last scan of each workflow's revisions.
    pub(crate) revision_scans: RevisionScans,
    /// Fingerprints of what each workflow was last validated with.
    pub(crate) validations: Validations,
}
