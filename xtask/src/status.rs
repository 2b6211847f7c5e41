//! `cargo xtask status`: what runs, and why something does not.

use std::process::ExitCode;

use serde_json::Value;

use crate::chart;
use crate::checkout::Checkout;
use crate::cluster::{Cluster, boot, rollout};
use crate::instance::Instance;
use crate::phase::print;
use crate::up::api_url;

/// Prints a page. The code is 0 only if all of it runs.
pub(crate) fn run(checkout: &Checkout, instance: &Instance) -> anyhow::Result<ExitCode> {
    if !instance.kube_state().exists() || !checkout.local().join("smb-kube").exists() {
        print(&format!("instance {}: not there; `cargo xtask up` makes it\n", instance.name));
        return Ok(ExitCode::FAILURE);
    }
    let node = boot::status(checkout, instance)?;
    print(&describe_node(&instance.name, &node));
    if node.pointer("/ready") != Some(&Value::Bool(true)) {
        print(&format!("logs: {}\n", instance.kube_state().join("logs").display()));
        return Ok(ExitCode::FAILURE);
    }
    let cluster = Cluster::local(checkout, instance);
    let well = describe_workloads(&cluster)?;
    print(&describe_objects(&cluster)?);
    print(&format!(
        "\nREST and GraphQL: {}\nkubeconfig: {}\n",
        api_url(instance)?,
        instance.kubeconfig().display()
    ));
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn describe_node(name: &str, node: &Value) -> String {
    let flag = |pointer: &str| node.pointer(pointer) == Some(&Value::Bool(true));
    let state = match (flag("/running"), flag("/ready")) {
        (true, true) => "ready",
        (true, false) => "running, but not ready",
        (false, _) => "not running; `cargo xtask up` starts it",
    };
    let mut page = format!("instance {name}: {state}\n");
    if let Some(failure) = node.pointer("/failure").and_then(Value::as_str) {
        page.push_str(&format!("  it ended because: {failure}\n"));
    }
    for (component, state) in node.pointer("/components").and_then(Value::as_object).into_iter().flatten() {
        let alive = state.pointer("/alive") == Some(&Value::Bool(true));
        let why = state.pointer("/lastEnd").and_then(Value::as_str).unwrap_or_default();
        page.push_str(&format!(
            "  {:<26} {} {why}\n",
            component,
            if alive { "runs" } else { "DOES NOT RUN" }
        ));
    }
    page
}

/// A line for each workload and for each pod in trouble; whether all of them run.
fn describe_workloads(cluster: &Cluster) -> anyhow::Result<bool> {
    let mut well = true;
    for namespace in [chart::NAMESPACE, crate::issuer::NAMESPACE, "shop"] {
        let found = cluster.get(&["--namespace", namespace, "deployments,statefulsets"])?;
        for workload in found.pointer("/items").and_then(Value::as_array).into_iter().flatten() {
            let runs = rollout::is_rolled_out(workload);
            well &= runs;
            let name = workload.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            print(&format!("  {name:<26} {}\n", if runs { "runs" } else { "DOES NOT RUN" }));
        }
        for trouble in rollout::pod_troubles(cluster, namespace)? {
            print(&format!("    {trouble}\n"));
        }
    }
    Ok(well)
}

fn describe_objects(cluster: &Cluster) -> anyhow::Result<String> {
    let table = cluster.kubectl().args(["get", "splan,sten,swf,swr", "--all-namespaces"]).capture()?;
    Ok(format!("\n{table}"))
}
