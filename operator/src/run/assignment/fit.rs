//! Whether a pod can ever run: compared with the quotas of its namespace and with the nodes of the cluster. Pure.

use std::{collections::BTreeMap, sync::Arc};

use crds::Quantity;
use k8s_openapi::{
    api::core::v1::{Container, Node, Pod},
    apimachinery::pkg::api::resource::Quantity as KubernetesQuantity,
};

/// Resources by which pods are compared with nodes.
const RESOURCES: [&str; 2] = ["cpu", "memory"];
/// Part of the message with which the API server rejects a container outside of a LimitRange.
const LIMIT_RANGE_MARKS: [&str; 3] = ["usage per Container", "usage per Pod", "limit to request ratio"];

/// Returns whether the API server's refusal of a pod means that it violates a LimitRange.
pub(super) fn violates_limit_range(message: &str) -> bool {
    LIMIT_RANGE_MARKS.iter().any(|mark| message.contains(mark))
}

/// Returns the resources that the pod requests and that exceed a quota even if nothing else uses it, from the API
/// server's message about the exceeded quota: `…, requested: cpu=2,pods=1, used: …, limited: cpu=1,pods=10`.
pub(super) fn beyond_quota(message: &str) -> Option<String> {
    let (_, amounts) = message.split_once("requested: ")?;
    let (requested, rest) = amounts.split_once(", used: ")?;
    let (_, limited) = rest.split_once(", limited: ")?;
    let limited = parse_amounts(limited);
    let beyond: Vec<String> = parse_amounts(requested)
        .into_iter()
        .filter_map(|(resource, requested)| {
            let limit = limited.get(resource)?;
            // A suspended tenant may have no pods; that changes when a run of it needs one to end.
            if resource == "pods" && milli(limit) == Some(0) {
                return None;
            }
            let exceeds = milli(requested)? > milli(limit)?;
            exceeds.then(|| format!("{resource} {requested} of at most {limit}"))
        })
        .collect();
    (!beyond.is_empty()).then(|| beyond.join(", "))
}

fn parse_amounts(text: &str) -> BTreeMap<&str, &str> {
    text.split(',').filter_map(|amount| amount.trim().split_once('=')).collect()
}

/// Returns what the pod requests if no node of the cluster provides as much, even without any other pod. Nodes that do
/// not state what they provide, and those that are reserved for other pods, are ignored; without any other, the answer
/// is unknown.
pub(super) fn beyond_nodes(pod: &Pod, nodes: &[Arc<Node>]) -> Option<String> {
    let requested = RESOURCES.map(|resource| requested_milli(pod, resource));
    let provided: Vec<[u128; 2]> =
        nodes.iter().filter(|node| !is_reserved(node)).filter_map(|node| provided_milli(node)).collect();
    let fits = |provided: &[u128; 2]| {
        requested.iter().zip(provided).all(|(requested, provided)| requested <= provided)
    };
    if provided.is_empty() || provided.iter().any(fits) {
        return None;
    }
    let [cpu, memory] = requested;
    Some(format!("{cpu}m of CPU and {} bytes of memory", memory / 1000))
}

/// Returns the request of a pod in thousandths: that of all containers together, or of the largest init container.
fn requested_milli(pod: &Pod, resource: &str) -> u128 {
    let Some(spec) = &pod.spec else { return 0 };
    let request = |container: &Container| {
        let requests = container.resources.as_ref().and_then(|resources| resources.requests.as_ref());
        requests.and_then(|requests| milli(&requests.get(resource)?.0)).unwrap_or(0)
    };
    let all = spec.containers.iter().map(request).fold(0, u128::saturating_add);
    let largest_init = spec.init_containers.iter().flatten().map(request).max().unwrap_or(0);
    all.max(largest_init)
}

fn provided_milli(node: &Node) -> Option<[u128; 2]> {
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let amount = |resource: &str| milli(allocatable.get(resource).map(|KubernetesQuantity(text)| text)?);
    let [cpu, memory] = RESOURCES.map(amount);
    Some([cpu?, memory?])
}

/// Returns whether a node has a taint that keeps runs away. Those that Kubernetes sets itself, such as during
/// maintenance, pass.
fn is_reserved(node: &Node) -> bool {
    let taints = node.spec.iter().flat_map(|spec| spec.taints.iter().flatten());
    taints
        .into_iter()
        .any(|taint| taint.effect != "PreferNoSchedule" && !taint.key.starts_with("node.kubernetes.io/"))
}

fn milli(quantity: &str) -> Option<u128> {
    Quantity::new(quantity).to_milli().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pod that exceeds a quota by itself never fits; one that exceeds what is left fits later.
    #[test]
    fn only_a_pod_that_exceeds_the_quota_by_itself_never_fits() {
        let message = |requested: &str| {
            format!(
                "pods \"x\" is forbidden: exceeded quota: smb-copilot, requested: {requested}, used: \
                 pods=3,requests.memory=7Gi, limited: pods=20,requests.memory=8Gi"
            )
        };
        let found = beyond_quota(&message("pods=1,requests.memory=100Gi"));
        assert_eq!(found.as_deref(), Some("requests.memory 100Gi of at most 8Gi"));
        assert_eq!(beyond_quota(&message("pods=1,requests.memory=2Gi")), None);
        let cpu = "exceeded quota: smb-copilot, requested: requests.cpu=64250m, used: requests.cpu=0, limited: requests.cpu=4";
        assert_eq!(beyond_quota(cpu).as_deref(), Some("requests.cpu 64250m of at most 4"));
        let suspended = "exceeded quota: smb-tenant, requested: pods=1, used: pods=0, limited: pods=0";
        assert_eq!(
            beyond_quota(suspended),
            None,
            "the quota of a suspended tenant allows no pods for a while"
        );
        assert_eq!(beyond_quota("another message"), None);
    }

    /// A pod that is larger than every node never fits. One node has to provide all of its resources.
    #[test]
    fn a_pod_that_is_larger_than_every_node_never_fits() {
        let node = |cpu: &str, memory: &str| -> Arc<Node> {
            let text = format!("{{status: {{allocatable: {{cpu: '{cpu}', memory: {memory}}}}}}}");
            Arc::new(serde_yaml::from_str(&text).unwrap())
        };
        let pod = |cpu: &str, memory: &str| -> Pod {
            let container =
                format!("{{name: host-0, resources: {{requests: {{cpu: '{cpu}', memory: {memory}}}}}}}");
            serde_yaml::from_str(&format!("{{spec: {{containers: [{container}, {{name: runner}}]}}}}"))
                .unwrap()
        };
        let nodes = [node("2", "8000000Ki"), node("8", "1Gi")];
        assert_eq!(beyond_nodes(&pod("1500m", "4Gi"), &nodes), None);
        assert_eq!(beyond_nodes(&pod("6", "512Mi"), &nodes), None);
        let expected = "6000m of CPU and 4294967296 bytes of memory".to_owned();
        assert_eq!(beyond_nodes(&pod("6", "4Gi"), &nodes), Some(expected));
        let tainted = |key: &str| -> Arc<Node> {
            let taint = format!("{{key: {key}, effect: NoSchedule}}");
            let text = format!(
                "{{spec: {{taints: [{taint}]}}, status: {{allocatable: {{cpu: '64', memory: 512Gi}}}}}}"
            );
            Arc::new(serde_yaml::from_str(&text).unwrap())
        };
        let [small, large] = nodes;
        let with_gpu = [small.clone(), large.clone(), tainted("example.com/gpu")];
        assert!(beyond_nodes(&pod("6", "4Gi"), &with_gpu).is_some(), "runs have no toleration");
        let cordoned = [small, large, tainted("node.kubernetes.io/unschedulable")];
        assert_eq!(beyond_nodes(&pod("6", "4Gi"), &cordoned), None, "maintenance ends");
        assert_eq!(beyond_nodes(&pod("6", "100Gi"), &[]), None, "the nodes are unknown");
        assert_eq!(beyond_nodes(&pod("6", "100Gi"), &[Arc::default()]), None, "the node states nothing");
    }

    /// The refusal by a LimitRange is permanent, since the pod is the same at the next attempt.
    #[test]
    fn a_violation_of_a_limit_range_is_recognised() {
        let message =
            "pods \"x\" is forbidden: [maximum memory usage per Container is 1Gi, but limit is 2Gi]";
        assert!(violates_limit_range(message));
        assert!(!violates_limit_range("pods \"x\" is forbidden: exceeded quota: smb-copilot"));
    }
}
