//! Reasons for which a run waits, as `status.queue` shows them.

use strum::{Display, EnumString, IntoStaticStr, VariantArray};

use super::QueueStatus;

/// Maximum size of the message in `status.queue`, in bytes. Messages of the API server, the scheduler and the kubelet are
/// truncated.
const MAX_MESSAGE_BYTES: usize = 1024;

/// Reason for which a run waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Display, EnumString, IntoStaticStr, VariantArray)]
pub enum QueueReason {
    /// The run's workflow is being validated.
    WorkflowNotValidated,
    /// The tenant is suspended, archived, not ready or does not exist.
    TenantNotActive,
    /// The plan's `concurrentRuns` is reached.
    PlanConcurrency,
    /// The plan's `runsPerDay` is reached.
    PlanRunsPerDay,
    /// The workflow's `concurrency.limit` is reached.
    WorkflowConcurrency,
    /// The admission policy that fences runners is not in force.
    FenceNotReady,
    /// The earlier run of `spec.reuse` is being looked up in the database.
    EarlierRun,
    /// The database does not contain the earlier run of `spec.reuse`, as the api-server reports. The operator then fails the run,
    /// unless the earlier run exists in the cluster.
    EarlierRunNotFound,
    /// The quota of the tenant's namespace has no room for the run's pod. It says nothing about the nodes of the cluster.
    ClusterFull,
    /// No node has room for the run's pod.
    PodUnschedulable,
    /// An image of the run's pod cannot be pulled.
    ImagePullFailed,
    /// A Secret of the workflow is missing or may not be used.
    SecretMissing,
    /// A container of the run's pod cannot be created.
    ContainerNotCreated,
    /// The node of the run's pod is not ready.
    NodeNotReady,
    /// The run's pod is being scheduled, its images are being pulled, or its containers are being started.
    PodStarting,
    /// The run's pod is running, and its runner loads the run.
    RunnerStarting,
    /// The run's pod was lost, and another one is being created.
    PodLost,
}

impl QueueReason {
    /// Returns the value of `status.queue.reason`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns the reason of a run's queue status, or `None` if this version does not know it.
    #[must_use]
    pub fn from_status(queue: &QueueStatus) -> Option<Self> {
        queue.reason.parse().ok()
    }

    /// Returns whether a run with this reason has a pod that cannot start before something else changes.
    #[must_use]
    pub const fn is_blocked_pod(self) -> bool {
        matches!(
            self,
            Self::PodUnschedulable
                | Self::ImagePullFailed
                | Self::SecretMissing
                | Self::ContainerNotCreated
                | Self::NodeNotReady
        )
    }
}

impl QueueStatus {
    /// Returns the status of a run that waits for something else than a slot.
    #[must_use]
    pub fn new(reason: QueueReason, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > MAX_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES - '…'.len_utf8()));
            message.push('…');
        }
        Self { position: None, reason: reason.as_str().to_owned(), message }
    }

    /// Returns whether the run has a pod that cannot start before something else changes.
    #[must_use]
    pub fn is_blocked_pod(&self) -> bool {
        QueueReason::from_status(self).is_some_and(QueueReason::is_blocked_pod)
    }

    /// Returns whether the run waits for this reason.
    #[must_use]
    pub fn has_reason(&self, reason: QueueReason) -> bool {
        self.reason == reason.as_str()
    }
}

#[cfg(test)]
mod tests {
    use kube::CustomResourceExt as _;

    use super::*;

    /// `kubectl explain` lists every reason for which a run waits.
    #[test]
    fn every_reason_is_in_the_description_of_the_field() {
        let definition = serde_json::to_value(crate::WorkflowRun::crd()).unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"];
        let reason = &schema["properties"]["queue"]["properties"]["reason"]["description"];
        for expected in QueueReason::VARIANTS {
            assert!(reason.as_str().unwrap().contains(&format!("`{expected}`")), "{expected}");
        }
    }

    /// A long message is truncated between characters.
    #[test]
    fn a_long_message_is_truncated_between_characters() {
        let status = QueueStatus::new(QueueReason::ClusterFull, "ä".repeat(2_000));
        assert!(status.message.len() <= MAX_MESSAGE_BYTES && status.message.ends_with("ä…"));
    }
}
