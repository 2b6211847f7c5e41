//! State of a runner pod: whether it can still execute its run. Pure.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Node, Pod};

/// Time after which the pods of a node that is not ready are considered lost. The node may recover before.
const NODE_NOT_READY_TIMEOUT: SignedDuration = SignedDuration::from_secs(30);

/// Parts of the kubelet's messages about a pod that has exceeded a limit of its own: the size of a volume, the local storage
/// of a container, or that of all containers.
const OWN_USE_MARKS: [&str; 3] = [
    "Usage of EmptyDir volume",
    "exceeded its local ephemeral storage limit",
    "ephemeral local storage usage exceeds",
];

/// Whether a pod can still execute its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::run) enum PodState {
    /// The pod can execute its run.
    Live,
    /// The pod's node is not ready. The pod is considered lost at this time.
    NodeNotReady(Timestamp),
    /// The pod cannot execute its run any more.
    Lost(LossReason),
    /// An image of the pod cannot be pulled. The pod is replaced at this time.
    Unpullable {
        /// Name of the image, and the kubelet's message.
        message: String,
        /// Time at which the pod is replaced.
        until: Timestamp,
    },
}

/// Reason for which a pod was lost, as written into `status.runner.lost.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub(in crate::run) enum LossReason {
    /// The container of a host was killed for its memory use. The next runner counts it as a failure of the step.
    #[strum(to_string = "OOMKilled")]
    OomKilled,
    /// The pod was evicted because it used more disk than its own limits allow. The next runner counts it as a failure of
    /// the step.
    DiskLimitExceeded,
    /// A container of the pod has ended.
    ContainerEnded,
    /// The pod was deleted, or is being deleted.
    PodDeleted,
    /// The pod has ended.
    PodFailed,
    /// The pod's node has not been ready for too long.
    NodeNotReady,
}

/// Returns the state of a pod, by its own status and by its node.
///
/// Containers end before the pod's phase changes, and long before its Job's status does. A container that has ended
/// gives a more precise reason than the deletion that may have followed.
pub(super) fn pod_state(pod: &Pod, node: Option<&Node>, now: Timestamp) -> PodState {
    if is_evicted_for_its_own_use(pod) {
        return PodState::Lost(LossReason::DiskLimitExceeded);
    }
    if let Some(reason) = ended_container(pod) {
        return PodState::Lost(reason);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Lost(LossReason::PodDeleted);
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return PodState::Lost(LossReason::PodFailed);
    }
    match node.and_then(not_ready_since) {
        Some(since) if since + NODE_NOT_READY_TIMEOUT <= now => PodState::Lost(LossReason::NodeNotReady),
        Some(since) => PodState::NodeNotReady(since + NODE_NOT_READY_TIMEOUT),
        None => PodState::Live,
    }
}

/// Returns whether the kubelet has evicted a pod because of the pod's own limits, and not because the node was low on
/// resources, for which another pod may be the cause.
fn is_evicted_for_its_own_use(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let message = status.message.as_deref().unwrap_or_default();
    status.reason.as_deref() == Some("Evicted") && OWN_USE_MARKS.iter().any(|mark| message.contains(mark))
}

fn ended_container(pod: &Pod) -> Option<LossReason> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let ended: Vec<(&str, &ContainerStateTerminated)> = statuses
        .filter_map(|status| Some((status.name.as_str(), status.state.as_ref()?.terminated.as_ref()?)))
        .collect();
    let oom_killed = |(name, ended): &(&str, &ContainerStateTerminated)| {
        ended.reason.as_deref() == Some("OOMKilled") && *name != crds::names::RUNNER_CONTAINER
    };
    if ended.iter().any(oom_killed) {
        return Some(LossReason::OomKilled);
    }
    ended.first().map(|_| LossReason::ContainerEnded)
}

fn not_ready_since(node: &Node) -> Option<Timestamp> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    if ready.status == "True" {
        return None;
    }
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// Image pull that fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FailedPull {
    /// Name of the image, and the kubelet's message.
    pub(super) message: String,
    /// Whether the pull cannot succeed, however often it is retried.
    pub(super) is_permanent: bool,
}

/// Returns the first image pull of a pod that fails.
pub(super) fn failed_pull(pod: &Pod) -> Option<FailedPull> {
    let status = pod.status.as_ref()?;
    let all = [&status.init_container_statuses, &status.container_statuses];
    all.into_iter().flatten().flatten().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let is_permanent = match reason {
            "InvalidImageName" | "ErrImageNeverPull" => true,
            "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => false,
            _ => return None,
        };
        let detail = waiting.message.as_deref().map_or(reason, without_back_off);
        let message = format!("image {} cannot be pulled: {detail}", image_of(pod, &container.name));
        Some(FailedPull { message, is_permanent })
    })
}

/// Returns the cause of a failed pull. While the kubelet waits before the next attempt, it puts other words before it.
fn without_back_off(message: &str) -> &str {
    message.rsplit_once(": ErrImagePull: ").map_or(message, |(_, cause)| cause)
}

/// Returns the image of a container as the pod's spec names it. The status shows how the runtime resolved it.
fn image_of<'a>(pod: &'a Pod, container_name: &str) -> &'a str {
    let spec = pod.spec.as_ref();
    let containers =
        spec.iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let mut named = containers.filter(|container| container.name == container_name);
    named.next().and_then(|container| container.image.as_deref()).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(yaml: &str) -> Pod {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn state(yaml: &str) -> PodState {
        pod_state(&pod(yaml), None, Timestamp::UNIX_EPOCH)
    }

    /// Every way in which a pod can be lost is detected, with its reason.
    #[test]
    fn every_loss_of_a_pod_is_detected() {
        assert_eq!(state("status: {phase: Running}"), PodState::Live);
        let deleted = "metadata: {deletionTimestamp: '2026-11-24T10:00:00Z'}";
        assert_eq!(state(deleted), PodState::Lost(LossReason::PodDeleted));
        assert_eq!(state("status: {phase: Failed}"), PodState::Lost(LossReason::PodFailed));
        let ended = "status: {phase: Running, containerStatuses: [{name: runner, image: i, imageID: i, ready: false, \
                     restartCount: 0, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}";
        assert_eq!(
            state(ended),
            PodState::Lost(LossReason::ContainerEnded),
            "the memory of the runner container does not count as a failure of the step"
        );
        let host_ended = ended.replace("name: runner", "name: host-0");
        assert_eq!(state(&host_ended), PodState::Lost(LossReason::OomKilled));
        let evicted = |message: &str| {
            state(&format!("status: {{phase: Failed, reason: Evicted, message: '{message}'}}"))
        };
        assert_eq!(
            evicted("Usage of EmptyDir volume \"tmp\" exceeds the limit \"64Mi\". "),
            PodState::Lost(LossReason::DiskLimitExceeded)
        );
        assert_eq!(
            evicted("The node was low on resource: ephemeral-storage."),
            PodState::Lost(LossReason::PodFailed),
            "another pod may have filled the disk of the node"
        );
        assert_eq!(LossReason::OomKilled.to_string(), "OOMKilled");
        assert_eq!(LossReason::DiskLimitExceeded.to_string(), "DiskLimitExceeded");
        assert_eq!(LossReason::PodDeleted.to_string(), "PodDeleted");
    }

    /// The pods of a node that is not ready are lost after half a minute, not before.
    #[test]
    fn a_node_that_is_not_ready_has_half_a_minute_to_recover() {
        let node: Node = serde_yaml::from_str(
            "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: '1970-01-01T00:00:00Z'}]}",
        )
        .unwrap();
        let at = |seconds| {
            let now = Timestamp::from_second(seconds).unwrap();
            pod_state(&pod("status: {phase: Running}"), Some(&node), now)
        };
        assert_eq!(at(29), PodState::NodeNotReady(Timestamp::from_second(30).unwrap()));
        assert_eq!(at(30), PodState::Lost(LossReason::NodeNotReady));
    }

    /// A failed image pull is reported with the name of the image and whether it can succeed later.
    #[test]
    fn a_failed_image_pull_names_the_image() {
        let waiting = |reason: &str| {
            let text = format!(
                "{{spec: {{containers: [{{name: host-0, image: 'registry.example/tool:9'}}]}}, status: {{phase: Pending, \
                 containerStatuses: [{{name: host-0, image: i, imageID: '', ready: false, restartCount: 0, \
                 state: {{waiting: {{reason: {reason}, message: not found}}}}}}]}}}}"
            );
            failed_pull(&pod(&text))
        };
        let message = "image registry.example/tool:9 cannot be pulled: not found".to_owned();
        let failed = |is_permanent| Some(FailedPull { message: message.clone(), is_permanent });
        assert_eq!(waiting("ErrImagePull"), failed(false));
        assert_eq!(waiting("InvalidImageName"), failed(true));
        assert_eq!(waiting("ContainerCreating"), None);
    }
}
