//! Waiting until workloads are rolled out, and the reasons why they are not.

use std::time::Duration;

use serde_json::Value;

use super::Cluster;
use crate::phase::Phase;
use crate::wait;

/// A pod whose image is present starts within seconds; a first pull from a registry takes longer.
const ROLLOUT_TIMEOUT: Duration = Duration::from_secs(180);

/// Waits until each workload (`deployment/name`) is rolled out.
///
/// # Errors
/// Returns an error after a timeout; the log then has the reason for each pod that is not running.
pub(crate) fn wait_for(
    phase: &mut Phase<'_>,
    cluster: &Cluster,
    namespace: &str,
    workloads: &[&str],
) -> anyhow::Result<()> {
    let result = wait::until("the rollout", ROLLOUT_TIMEOUT, Duration::from_millis(500), || {
        let mut missing = Vec::new();
        for workload in workloads {
            let found = cluster.find(&["--namespace", namespace, workload])?;
            if !found.as_ref().is_some_and(is_rolled_out) {
                missing.push(*workload);
            }
        }
        phase.log_line(&format!("waiting for {}", missing.join(", ")));
        Ok(missing.is_empty().then_some(()))
    });
    if result.is_err() {
        for reason in pod_problems(cluster, namespace)? {
            phase.log_line(&reason);
        }
        phase.advice(format!("kubectl --namespace {namespace} describe pods, and their logs"));
    }
    result
}

/// Returns whether a Deployment or StatefulSet is rolled out, by the rules of `kubectl rollout status`.
pub(crate) fn is_rolled_out(workload: &Value) -> bool {
    let number = |pointer: &str| workload.pointer(pointer).and_then(Value::as_u64);
    let desired = number("/spec/replicas").unwrap_or(1);
    let count = |pointer: &str| number(pointer).unwrap_or(0);
    number("/status/observedGeneration") >= number("/metadata/generation")
        && count("/status/updatedReplicas") >= desired
        && count("/status/readyReplicas") >= desired
        && count("/status/replicas") <= desired
}

/// Returns one line for each pod that is not running, with the reason from its status.
pub(crate) fn pod_problems(cluster: &Cluster, namespace: &str) -> anyhow::Result<Vec<String>> {
    let pods = cluster.get(&["--namespace", namespace, "pods"])?;
    let pods = pods.pointer("/items").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(pods.iter().filter_map(problem).collect())
}

fn problem(pod: &Value) -> Option<String> {
    let name = pod.pointer("/metadata/name")?.as_str()?;
    let containers = pod.pointer("/status/containerStatuses").and_then(Value::as_array);
    let waiting = containers.into_iter().flatten().find_map(|container| {
        let state = container.pointer("/state/waiting").or_else(|| {
            let ended = container.pointer("/state/terminated")?;
            (ended.pointer("/exitCode") != Some(&0.into())).then_some(ended)
        })?;
        let last = container.pointer("/lastState/terminated").map_or_else(String::new, |last| {
            let code = last.pointer("/exitCode").and_then(Value::as_i64).unwrap_or_default();
            format!("; it last ended with {} (exit code {code})", text(last, "/reason"))
        });
        Some(format!("{}: {}{last}", text(state, "/reason"), text(state, "/message")))
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

    /// A rollout is done when no pod of the previous version is left.
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

    /// A pod that is not running is reported with the reason from its status, and with that of its last end.
    #[test]
    fn a_waiting_pod_is_reported_with_its_reason() {
        let pod = json!({"metadata": {"name": "operator-1", "namespace": "smb-copilot"}, "status": {
            "containerStatuses": [{"state": {"waiting": {"reason": "ErrImageNeverPull", "message": "no such image"}}}]}});
        assert_eq!(problem(&pod).unwrap(), "pod smb-copilot/operator-1: ErrImageNeverPull: no such image");
        let killed = json!({"metadata": {"name": "operator-3", "namespace": "x"}, "status": {"containerStatuses": [{
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}});
        assert_eq!(
            problem(&killed).unwrap(),
            "pod x/operator-3: CrashLoopBackOff: back-off 10s; it last ended with OOMKilled (exit code 137)"
        );
        let well = json!({"metadata": {"name": "operator-2", "namespace": "x"}, "status": {"containerStatuses": [{"state": {"running": {}}}]}});
        assert_eq!(problem(&well), None);
    }
}
