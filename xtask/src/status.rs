//! `cargo xtask status`: the state of the instance's components, with the reason for each that is not running.

use std::process::ExitCode;

use anyhow::anyhow;
use serde_json::Value;

use crate::chart;
use crate::checkout::Checkout;
use crate::cluster::{Cluster, boot, rollout};
use crate::instance::Instance;
use crate::phase::print;
use crate::up::api_url;

const ABSENT: &str = "does not exist; create it with `cargo xtask up`";

/// Prints the state of node, workloads and custom resources. The exit code is 0 only if everything is running.
pub(crate) fn run(checkout: &Checkout, instance: &Instance) -> anyhow::Result<ExitCode> {
    if !exists(checkout, instance) {
        print(&format!("instance {}: {ABSENT}\n", instance.name));
        return Ok(ExitCode::FAILURE);
    }
    let node = boot::status(checkout, instance)?;
    let cluster = Cluster::local(checkout, instance);
    let workloads = if is_ready(&node) { Some(Workloads::read(&cluster)?) } else { None };
    print(&describe_node(&instance.name, &node, workloads.as_ref()));
    let Some(Workloads { lines, all_running }) = workloads else {
        print(&format!("logs: {}\n", instance.kube_state().join("logs").display()));
        return Ok(ExitCode::FAILURE);
    };
    print(&lines);
    print(&describe_objects(&cluster)?);
    print(&format!(
        "\nREST and GraphQL: {}\nkubeconfig: {}\n",
        api_url(instance)?,
        instance.kubeconfig().display()
    ));
    Ok(if all_running { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Returns the error of a request to the instance or, if the instance is not running, an error that says so.
pub(crate) fn explain(checkout: &Checkout, instance: &Instance, error: anyhow::Error) -> anyhow::Error {
    if !exists(checkout, instance) {
        return anyhow!("instance {}: {ABSENT}", instance.name);
    }
    match boot::status(checkout, instance) {
        Ok(node) if !is_ready(&node) => anyhow!("instance {}: {}", instance.name, state(&node, None)),
        _ => error,
    }
}

fn exists(checkout: &Checkout, instance: &Instance) -> bool {
    instance.kube_state().exists() && checkout.local().join("smb-kube").exists()
}

fn is_ready(node: &Value) -> bool {
    node.pointer("/ready") == Some(&Value::Bool(true))
}

/// Returns the state of the instance. `workloads` are those of a ready node.
fn state(node: &Value, workloads: Option<&Workloads>) -> &'static str {
    let is_running = node.pointer("/running") == Some(&Value::Bool(true));
    match workloads {
        _ if !is_running => "not running; start it with `cargo xtask up`",
        None => "running, but not ready",
        Some(workloads) if workloads.all_running => "ready",
        Some(_) => "the node is ready, but not the product: see NOT RUNNING below",
    }
}

fn describe_node(name: &str, node: &Value, workloads: Option<&Workloads>) -> String {
    let mut page = format!("instance {name}: {}\n", state(node, workloads));
    if let Some(failure) = node.pointer("/failure").and_then(Value::as_str) {
        page.push_str(&format!("  reason: {failure}\n"));
    }
    for (component, state) in node.pointer("/components").and_then(Value::as_object).into_iter().flatten() {
        let alive = state.pointer("/alive") == Some(&Value::Bool(true));
        let why = state.pointer("/lastEnd").and_then(Value::as_str).unwrap_or_default();
        page.push_str(&format!(
            "  {:<26} {} {why}\n",
            component,
            if alive { "running" } else { "NOT RUNNING" }
        ));
    }
    page
}

/// State of the workloads of the product and of the example.
struct Workloads {
    /// One line for each workload and for each pod that is not running.
    lines: String,
    /// Whether all workloads are rolled out.
    all_running: bool,
}

impl Workloads {
    fn read(cluster: &Cluster) -> anyhow::Result<Self> {
        let mut workloads = Self { lines: String::new(), all_running: true };
        for namespace in [chart::NAMESPACE, crate::issuer::NAMESPACE, "shop"] {
            let found = cluster.get(&["--namespace", namespace, "deployments,statefulsets"])?;
            for workload in found.pointer("/items").and_then(Value::as_array).into_iter().flatten() {
                workloads.add(workload);
            }
            for problem in rollout::pod_problems(cluster, namespace)? {
                workloads.lines.push_str(&format!("    {problem}\n"));
            }
        }
        Ok(workloads)
    }

    fn add(&mut self, workload: &Value) {
        let runs = rollout::is_rolled_out(workload);
        self.all_running &= runs;
        let name = workload.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        self.lines.push_str(&format!("  {name:<26} {}\n", if runs { "running" } else { "NOT RUNNING" }));
    }
}

fn describe_objects(cluster: &Cluster) -> anyhow::Result<String> {
    let table = cluster.kubectl().args(["get", "splan,sten,swf,swr", "--all-namespaces"]).capture()?;
    Ok(format!("\n{table}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// An instance is called ready only if the node and all workloads are.
    #[test]
    fn an_instance_is_ready_only_if_the_product_runs() {
        let node = json!({"running": true, "ready": true});
        let mut workloads = Workloads { lines: String::new(), all_running: true };
        workloads.add(
            &json!({"metadata": {"name": "prices", "generation": 1}, "spec": {"replicas": 1}, "status": {
            "observedGeneration": 1, "updatedReplicas": 1, "readyReplicas": 1, "replicas": 1}}),
        );
        assert_eq!(describe_node("dev", &node, Some(&workloads)), "instance dev: ready\n");
        workloads.add(&json!({"metadata": {"name": "operator", "generation": 1}, "spec": {"replicas": 1}, "status": {}}));
        assert_eq!(
            state(&node, Some(&workloads)),
            "the node is ready, but not the product: see NOT RUNNING below"
        );
        assert!(workloads.lines.contains("prices                     running\n"), "{}", workloads.lines);
        assert!(workloads.lines.contains("operator                   NOT RUNNING\n"), "{}", workloads.lines);
        assert_eq!(state(&json!({"running": false}), None), "not running; start it with `cargo xtask up`");
    }
}
