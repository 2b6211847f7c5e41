//! State that the controllers keep in memory between reconciles.
//!
//! Each type guards itself and does not depend on the shared context. All of it can be rebuilt from the
//! cluster: the state stored there takes precedence.

mod children;
mod data_deletions;
mod enforcement;
mod fence;
mod image_pulls;
mod last_runs;
mod object_counts;
mod queue_pace;
mod reservations;
mod revision_scans;
mod revisions;
mod slots;
mod validations;
mod verified_vectors;

pub(crate) use children::{
    ChildKey, ChildMetadata, ChildObject, ContentHash, Drift, MarkedNamespace, ObservedChildren, StoredChild,
    WatchedChild,
};
pub(crate) use data_deletions::DataDeletions;
pub(crate) use enforcement::{Conclusion, Enforcement, EnforcementState};
pub(crate) use fence::{Fence, FenceState};
pub(crate) use image_pulls::ImagePulls;
pub(crate) use last_runs::LastRuns;
pub(crate) use object_counts::ObjectCounts;
pub(crate) use queue_pace::QueuePace;
pub(crate) use reservations::{Claim, Reservation, Reservations};
pub(crate) use revision_scans::{RevisionScan, RevisionScans};
#[cfg(test)]
pub(crate) use revisions::Memory;
pub(crate) use revisions::{Revision, Revisions};
pub(crate) use slots::{QueueEntry, SlotRequest, Slots, TenantUsage, utc_day};
pub(crate) use validations::Validations;
pub(crate) use verified_vectors::{Fingerprint, VECTOR_CHECK_INTERVAL, VerifiedVectors};

use crds::WorkflowRun;

/// Returns whether a run's status says that a pod executes it.
pub(crate) fn is_assigned_to(run: &WorkflowRun, pod_uid: &str) -> bool {
    let runner = run.status.as_ref().and_then(|status| status.runner.as_ref());
    runner.and_then(|runner| runner.pod_uid.as_deref()) == Some(pod_uid)
}
