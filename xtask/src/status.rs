//! `cargo xtask status`: the state of the instance's components, with the reason for each that is not running.

use std::process::ExitCode;

use serde_json::Value;

use crate::chart;
use crate::checkout::Checkout;
use crate::cluster::{Cluster, boot, rollout};
use crate::instance::Instance;
use crate::phase::print;
use crate::up::api_url;

/// Prints the state of node, workloads and custom resources. The exit code is 0 only if everything is running.
pub(crate) fn run(checkout: &Checkout, instance: &Instance) -> anyhow::Result<ExitCode> {
    if !instance.kube_state().exists() || !checkout.local().join("smb-kube").exists() {
        print(&format!("instance {}: does not exist; create it with `cargo xtask up`\n", instance.name));
        return Ok(ExitCode::FAILURE);
    }
    let node = boot::status(checkout, instance)?;
    print(&describe_node(&instance.name, &node));
    if node.pointer("/ready") != Some(&Value::Bool(true)) {
        print(&format!("logs: {}\n", instance.kube_state().join("logs").display()));
        return Ok(ExitCode::FAILURE);
    }
    let cluster = Cluster::local(checkout, instance);
    let all_running = describe_workloads(&cluster)?;
    print(&describe_objects(&cluster)?);
    print(&format!(
        "\nREST and GraphQL: {}\nkubeconfig: {}\n",
        api_url(instance)?,
        instance.kubeconfig().display()
    ));
    Ok(if all_running { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe_node(name: &str, node: &Value) -> String {
    let flag = |pointer: &str| node.pointer(pointer) == Some(&Value::Bool(true));
    let state = match (flag("/running"), flag("/ready")) {
        (true, true) => "ready",
        (true, false) => "running, but not ready",
        (false, _) => "not running; start it with `cargo xtask up`",
    };
    let mut page = format!("instance {name}: {state}\n");
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

/// Prints one line for each workload and for each pod that is not running. Returns whether all workloads are rolled
/// out.
fn describe_workloads(cluster: &Cluster) -> anyhow::Result<bool> {
    let mut all_running = true;
    for namespace in [chart::NAMESPACE, crate::issuer::NAMESPACE, "shop"] {
        let found = cluster.get(&["--namespace", namespace, "deployments,statefulsets"])?;
        for workload in found.pointer("/items").and_then(Value::as_array).into_iter().flatten() {
            let runs = rollout::is_rolled_out(workload);
            all_running &= runs;
            let name = workload.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            print(&format!("  {name:<26} {}\n", if runs { "running" } else { "NOT RUNNING" }));
        }
        for problem in rollout::pod_problems(cluster, namespace)? {
            print(&format!("    {problem}\n"));
        }
    }
    Ok(all_running)
}

fn describe_objects(cluster: &Cluster) -> anyhow::Result<String> {
    let table = cluster.kubectl().args(["get", "splan,sten,swf,swr", "--all-namespaces"]).capture()?;
    Ok(format!("\n{table}"))
}
