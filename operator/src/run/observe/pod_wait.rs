//! Reason for which a pod does not execute its run yet, by the pod's status. Pure.

use crds::run::{QueueReason, QueueStatus};
use k8s_openapi::api::core::v1::{ContainerStateWaiting, ContainerStatus, Pod};
use kube::ResourceExt as _;

use super::lost::{FailedPull, failed_pull};

/// Reasons with which the kubelet reports that it cannot create or start a container.
const CONTAINER_FAILURES: [&str; 7] = [
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "CrashLoopBackOff",
];

/// Returns why a pod, whose runner has not begun, does not execute its run.
pub(super) fn pod_wait(pod: &Pod) -> QueueStatus {
    if let Some(message) = unschedulable(pod) {
        return QueueStatus::new(QueueReason::PodUnschedulable, message);
    }
    if let Some(FailedPull { message, is_permanent: _ }) = failed_pull(pod) {
        return QueueStatus::new(QueueReason::ImagePullFailed, message);
    }
    if let Some(message) = failed_container(pod) {
        return QueueStatus::new(QueueReason::ContainerNotCreated, message);
    }
    let name = pod.name_any();
    if is_running(pod) {
        let message =
            format!("pod {name} is running; its runner reads the workflow, its Secrets and stored outputs");
        return QueueStatus::new(QueueReason::RunnerStarting, message);
    }
    let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref());
    QueueStatus::new(
        QueueReason::PodStarting,
        match node {
            Some(node) => {
                format!(
                    "node {node} starts pod {name}: it pulls images, mounts volumes and starts containers"
                )
            }
            None => format!("pod {name} is being scheduled"),
        },
    )
}

/// Returns the scheduler's message about a pod for which no node has room.
fn unschedulable(pod: &Pod) -> Option<String> {
    let conditions = pod.status.as_ref()?.conditions.as_ref()?;
    let scheduled = conditions.iter().find(|condition| condition.type_ == "PodScheduled")?;
    let is_refused = scheduled.status == "False" && scheduled.reason.is_some();
    is_refused.then(|| match &scheduled.message {
        Some(message) => format!("the pod of the run cannot be scheduled: {message}"),
        None => "the pod of the run cannot be scheduled".to_owned(),
    })
}

/// Returns the kubelet's message about the first container that cannot be created or started.
fn failed_container(pod: &Pod) -> Option<String> {
    containers(pod).find_map(|container| {
        let ContainerStateWaiting { reason, message } = container.state.as_ref()?.waiting.as_ref()?;
        let reason = reason.as_ref().filter(|reason| CONTAINER_FAILURES.contains(&reason.as_str()))?;
        let detail = message.as_ref().map(|message| format!(": {message}")).unwrap_or_default();
        Some(format!("container {} cannot be started: {reason}{detail}", container.name))
    })
}

fn containers(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    let status = pod.status.iter();
    status.flat_map(|status| {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    })
}

fn is_running(pod: &Pod) -> bool {
    pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason_and_message(rest: &str) -> (String, String) {
        let text = format!("metadata: {{name: run-1-x}}\n{rest}");
        let QueueStatus { position, reason, message } = pod_wait(&serde_yaml::from_str(&text).unwrap());
        assert_eq!(position, None);
        (reason, message)
    }

    fn waiting(state: &str) -> String {
        format!(
            "spec: {{nodeName: node-1, containers: [{{name: host-0, image: 'registry.example/tool:9'}}]}}\n\
             status: {{phase: Pending, conditions: [{{type: PodScheduled, status: 'True'}}], containerStatuses: \
             [{{name: host-0, image: i, imageID: '', ready: false, restartCount: 0, state: {{waiting: {{{state}}}}}}}]}}"
        )
    }

    /// Every state in which a pod waits gives its reason, with the message of the scheduler or of the kubelet.
    #[test]
    fn every_state_of_a_pod_gives_its_reason() {
        let unschedulable = "status: {phase: Pending, conditions: [{type: PodScheduled, status: 'False', \
                             reason: Unschedulable, message: '0/1 nodes are available: 1 Insufficient cpu.'}]}";
        let table = [
            (unschedulable.to_owned(), "PodUnschedulable", "0/1 nodes are available: 1 Insufficient cpu."),
            (
                waiting("reason: ErrImagePull, message: not found"),
                "ImagePullFailed",
                "image registry.example/tool:9 cannot be pulled: not found",
            ),
            (waiting("reason: InvalidImageName"), "ImagePullFailed", "InvalidImageName"),
            (
                waiting("reason: CreateContainerConfigError, message: 'secret \"shop\" not found'"),
                "ContainerNotCreated",
                "container host-0 cannot be started: CreateContainerConfigError: secret \"shop\" not found",
            ),
            (waiting("reason: ContainerCreating"), "PodStarting", "node node-1 starts pod run-1-x"),
            ("status: {phase: Pending}".to_owned(), "PodStarting", "pod run-1-x is being scheduled"),
            (String::new(), "PodStarting", "pod run-1-x is being scheduled"),
            ("status: {phase: Running}".to_owned(), "RunnerStarting", "pod run-1-x is running"),
        ];
        for (pod, reason, message) in table {
            let found = reason_and_message(&pod);
            assert_eq!(found.0, reason, "{pod}");
            assert!(found.1.contains(message), "{found:?}");
        }
    }

    /// The two messages between which the kubelet alternates while it retries a pull are one message.
    #[test]
    fn a_pull_that_is_retried_has_one_message() {
        let detail = "failed to pull image: 404 Not Found";
        let failed = waiting(&format!("reason: ErrImagePull, message: '{detail}'"));
        let backs_off = waiting(&format!(
            "reason: ImagePullBackOff, message: 'Back-off pulling image \"registry.example/tool:9\": ErrImagePull: {detail}'"
        ));
        assert_eq!(reason_and_message(&failed), reason_and_message(&backs_off));
    }
}
