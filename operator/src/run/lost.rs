//! Whether a pod can still execute its run.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStateTerminated, Node, Pod};

/// A node that does not answer may be back: its pods are given up after this.
const NODE_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// Whether a pod can still execute its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PodState {
    /// It can.
    Live,
    /// It may: its node is silent, and is given up at this time.
    Silent(Timestamp),
    /// It cannot; one word why, for `status.runner.lost.reason`.
    Lost(&'static str),
    /// An image of it does not come, and is given up at this time.
    Unpullable {
        /// Which image, and what the kubelet says.
        message: String,
        /// When.
        until: Timestamp,
    },
}

/// A host's container was killed for its memory: the runner that takes over makes it the step's fault.
const OUT_OF_MEMORY: &str = "OOMKilled";

/// Judges a pod by itself and by its node.
///
/// Containers end before the pod says so, and long before its Job does; a container that has ended tells
/// more than the deletion that may have followed.
pub(super) fn state(pod: &Pod, node: Option<&Node>, now: Timestamp) -> PodState {
    if let Some(reason) = ended_container(pod) {
        return PodState::Lost(reason);
    }
    if pod.metadata.deletion_timestamp.is_some() {
        return PodState::Lost("PodDeleted");
    }
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    if matches!(phase, Some("Failed" | "Succeeded")) {
        return PodState::Lost("PodFailed");
    }
    match node.and_then(silent_since) {
        Some(since) if since + NODE_PATIENCE <= now => PodState::Lost("NodeNotReady"),
        Some(since) => PodState::Silent(since + NODE_PATIENCE),
        None => PodState::Live,
    }
}

fn ended_container(pod: &Pod) -> Option<&'static str> {
    let statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let ended: Vec<(&str, &ContainerStateTerminated)> = statuses
        .filter_map(|status| Some((status.name.as_str(), status.state.as_ref()?.terminated.as_ref()?)))
        .collect();
    let killed = |(name, ended): &(&str, &ContainerStateTerminated)| {
        ended.reason.as_deref() == Some(OUT_OF_MEMORY) && *name != crds::names::RUNNER_CONTAINER
    };
    if ended.iter().any(killed) {
        return Some(OUT_OF_MEMORY);
    }
    ended.first().map(|_| "ContainerEnded")
}

fn silent_since(node: &Node) -> Option<Timestamp> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    let ready = conditions.iter().find(|condition| condition.type_ == "Ready")?;
    if ready.status == "True" {
        return None;
    }
    ready.last_transition_time.as_ref().map(|time| time.0)
}

/// A container that waits for its image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pull {
    /// Which image, and what the kubelet says.
    pub(super) message: String,
    /// Whether trying again is of no use.
    pub(super) is_hopeless: bool,
}

/// The first container of a pod whose image does not come.
pub(super) fn failed_pull(pod: &Pod) -> Option<Pull> {
    let status = pod.status.as_ref()?;
    let all = [&status.init_container_statuses, &status.container_statuses];
    all.into_iter().flatten().flatten().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        let is_hopeless = match reason {
            "InvalidImageName" | "ErrImageNeverPull" => true,
            "ErrImagePull" | "ImagePullBackOff" | "RegistryUnavailable" => false,
            _ => return None,
        };
        let said = waiting.message.as_deref().unwrap_or(reason);
        let message = format!("image {} cannot be pulled: {said}", image_of(pod, &container.name));
        Some(Pull { message, is_hopeless })
    })
}

/// As the pod's spec names it: the status shows what the runtime made of it.
fn image_of<'a>(pod: &'a Pod, container: &str) -> &'a str {
    let spec = pod.spec.as_ref();
    let containers =
        spec.iter().flat_map(|spec| spec.init_containers.iter().flatten().chain(&spec.containers));
    let mut named = containers.filter(|of| of.name == container);
    named.next().and_then(|of| of.image.as_deref()).unwrap_or("?")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(yaml: &str) -> Pod {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn judged(yaml: &str) -> PodState {
        state(&pod(yaml), None, Timestamp::UNIX_EPOCH)
    }

    /// A run waits for a pod that will never go on.
    #[test]
    fn every_way_of_losing_a_pod_is_seen() {
        assert_eq!(judged("status: {phase: Running}"), PodState::Live);
        let deleted = "metadata: {deletionTimestamp: '2026-11-24T10:00:00Z'}";
        assert_eq!(judged(deleted), PodState::Lost("PodDeleted"));
        assert_eq!(judged("status: {phase: Failed}"), PodState::Lost("PodFailed"));
        let ended = "status: {phase: Running, containerStatuses: [{name: runner, image: i, imageID: i, ready: false, \
                     restartCount: 0, state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}";
        assert_eq!(judged(ended), PodState::Lost("ContainerEnded"), "the runner's memory is no step's fault");
        assert_eq!(judged(&ended.replace("name: runner", "name: host-0")), PodState::Lost("OOMKilled"));
    }

    /// A node that is restarted costs all its runs their pods; or one that is gone keeps them for ever.
    #[test]
    fn a_silent_node_gets_half_a_minute() {
        let node: Node = serde_yaml::from_str(
            "status: {conditions: [{type: Ready, status: Unknown, lastTransitionTime: '1970-01-01T00:00:00Z'}]}",
        )
        .unwrap();
        let at = |seconds| {
            let now = Timestamp::from_second(seconds).unwrap();
            state(&pod("status: {phase: Running}"), Some(&node), now)
        };
        assert_eq!(at(29), PodState::Silent(Timestamp::from_second(30).unwrap()));
        assert_eq!(at(30), PodState::Lost("NodeNotReady"));
    }

    /// A run waits for ever for an image that is misspelt, and nobody is told which.
    #[test]
    fn an_image_that_does_not_come_is_named() {
        let waiting = |reason: &str| {
            let text = format!(
                "{{spec: {{containers: [{{name: host-0, image: 'registry.example/tool:9'}}]}}, status: {{phase: Pending, \
                 containerStatuses: [{{name: host-0, image: i, imageID: '', ready: false, restartCount: 0, \
                 state: {{waiting: {{reason: {reason}, message: not found}}}}}}]}}}}"
            );
            failed_pull(&pod(&text))
        };
        let message = "image registry.example/tool:9 cannot be pulled: not found".to_owned();
        assert_eq!(waiting("ErrImagePull"), Some(Pull { message: message.clone(), is_hopeless: false }));
        assert_eq!(waiting("InvalidImageName"), Some(Pull { message, is_hopeless: true }));
        assert_eq!(waiting("ContainerCreating"), None);
    }
}
