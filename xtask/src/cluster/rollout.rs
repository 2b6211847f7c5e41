//! Waiting until workloads run, and saying why they do not.

use std::time::Duration;

use serde_json::Value;

use super::Cluster;
use crate::phase::Phase;
use crate::wait;

/// A pod that starts from an image that is there takes seconds; a first pull from a registry takes longer.
const LIMIT: Duration = Duration::from_secs(180);

/// Waits until each workload (`deployment/name`) runs as it is asked to. Errors: what its pods wait for.
pub(crate) fn wait_for(
    phase: &mut Phase<'_>,
    cluster: &Cluster,
    namespace: &str,
    workloads: &[&str],
) -> anyhow::Result<()> {
    let result = wait::until("the rollout", LIMIT, Duration::from_millis(500), || {
        let mut missing = Vec::new();
        for workload in workloads {
            let found = cluster.find(&["--namespace", namespace, workload])?;
            if !found.as_ref().is_some_and(is_rolled_out) {
                missing.push(*workload);
            }
        }
        phase.line(&format!("waiting for {}", missing.join(", ")));
        Ok(missing.is_empty().then_some(()))
    });
    if result.is_err() {
        for reason in pod_troubles(cluster, namespace)? {
            phase.line(&reason);
        }
        phase.advice(format!("kubectl --namespace {namespace} describe pods, and their logs"));
    }
    result
}

/// The same question that `kubectl rollout status` asks, for Deployments and StatefulSets.
pub(crate) fn is_rolled_out(workload: &Value) -> bool {
    let number = |pointer: &str| workload.pointer(pointer).and_then(Value::as_u64);
    let wanted = number("/spec/replicas").unwrap_or(1);
    let count = |pointer: &str| number(pointer).unwrap_or(0);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && count("/status/updatedReplicas") >= wanted
        && count("/status/readyReplicas") >= wanted
        && count("/status/replicas") <= wanted
}

/// A line for each pod that does not run, with the reason that Kubernetes gives.
pub(crate) fn pod_troubles(cluster: &Cluster, namespace: &str) -> anyhow::Result<Vec<String>> {
    let pods = cluster.get(&["--namespace", namespace, "pods"])?;
    let pods = pods.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(pods.iter().filter_map(trouble).collect())
}

fn trouble(pod: &Value) -> Option<String> {
    let name = pod.pointer("/metadata/name")?.as_str()?;
    let containers = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let waiting = containers.into_iter().flatten().find_map(|container| {
        let state = container.pointer("/state/waiting").or_else(|| {
            let ended = container.pointer("/state/terminated")?;
            (ended.pointer("/exitCode") != Some(&0.into())).then_some(ended)
        })?;
        Some(format!("{}: {}", text(state, "/reason"), text(state, "/message")))
    });
    let unready =
        pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten().find(|condition| {
            condition.pointer("/status") == Some(&"False".into())
                && condition.pointer("/reason") != Some(&"PodCompleted".into())
        });
    let unready =
        unready.map(|condition| format!("{}: {}", text(condition, "/reason"), text(condition, "/message")));
    Some(format!(
        "pod {namespace}/{name}: {why}",
        namespace = text(pod, "/metadata/namespace"),
        why = waiting.or(unready)?
    ))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// `up` would print URLs of an old pod that is about to go.
    #[test]
    fn a_rollout_in_progress_is_not_done() {
        let workload = |updated: u64, total: u64| {
            json!({"metadata": {"generation": 2}, "spec": {"replicas": 1},
                   "status": {"observedGeneration": 2, "updatedReplicas": updated, "readyReplicas": 1, "replicas": total}})
        };
        assert!(is_rolled_out(&workload(1, 1)));
        assert!(!is_rolled_out(&workload(0, 1)));
        assert!(!is_rolled_out(&workload(1, 2)));
        assert!(!is_rolled_out(&json!({"metadata": {"generation": 1}, "spec": {}, "status": {}})));
    }

    /// "Not ready" alone does not tell anybody what to do.
    #[test]
    fn a_pod_that_waits_says_for_what() {
        let pod = json!({"metadata": {"name": "operator-1", "namespace": "smb-copilot"}, "status": {
            "containerStatuses": [{"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no such image"}}}]}});
        assert_eq!(trouble(&pod).unwrap(), "pod smb-copilot/operator-1: ErrImageNeverPull: no such image");
        let well = json!({"metadata": {"name": "operator-2", "namespace": "x"}, "status": {"containerStatuses": [{"state": {"running": {}}}]}});
        assert_eq!(trouble(&well), None);
    }
}
