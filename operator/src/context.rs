//! Shared state of all controllers.

use kube::Client;

use crate::{
    api::FullObjects,
    backoff::Failures,
    config::Config,
    events::Events,
    metrics::Metrics,
    qdrant::VectorDatabase,
    run_events::RunEvents,
    state::{
        DataDeletions, EnforcementState, FenceState, ImagePulls, LastRuns, ObjectCounts, ObservedChildren,
        QueuePace, Reservations, RevisionScans, Revisions, Slots, Validations, VerifiedVectors,
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
    /// Publisher of Events about changes of runs.
    pub(crate) run_events: RunEvents,
    /// Metrics of the operator.
    pub(crate) metrics: Metrics,
    /// Threads on which tenants' text is parsed and evaluated.
    pub(crate) compute: compute::Pool,
    /// Concurrency slots of runs.
    pub(crate) slots: Slots,
    /// Pace at which the runs of each tenant are queued.
    pub(crate) queue_pace: QueuePace,
    /// Whether the runner fence is known to be in force.
    pub(crate) fence: FenceState,
    /// Whether the cluster is known to enforce network policies.
    pub(crate) enforcement: EnforcementState,
    /// Reservations of pooled runner pods.
    pub(crate) reservations: Reservations,
    /// Start time of each ongoing image pull failure.
    pub(crate) image_pulls: ImagePulls,
    /// Whether the quota controller counts runs and workflows.
    pub(crate) object_counts: ObjectCounts,
    /// Children of tenants, as they were last observed and applied.
    pub(crate) children: ObservedChildren,
    /// Cache of workflow revisions.
    pub(crate) revisions: Revisions,
    /// Finished runs that are not yet written into the status of their workflows.
    pub(crate) last_runs: LastRuns,
    /// Results of the last scan of each workflow's revisions.
    pub(crate) revision_scans: RevisionScans,
    /// Fingerprints of what each workflow was last validated with.
    pub(crate) validations: Validations,
    /// The vector database, if the installation has one.
    pub(crate) vectors: Option<VectorDatabase>,
    /// Tenants whose vector storage was checked.
    pub(crate) verified_vectors: VerifiedVectors,
    /// Deleted tenants whose data the api-server deletes.
    pub(crate) data_deletions: DataDeletions,
    /// Consecutive failures of the set-up of vector storage, by the UID of the tenant.
    pub(crate) vector_failures: Failures<String>,
}
