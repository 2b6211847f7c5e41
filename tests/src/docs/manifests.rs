//! Manifests of a page, applied with kubectl.

use std::time::Duration;

use anyhow::Context as _;
use crds::{Workflow, conditions::is_true};
use kube::Api;

use crate::{cluster, kubectl::kubectl_with_input, wait};

/// Deadline until a workflow is validated: ten times the duration beside all other tests.
const DEADLINE: Duration = Duration::from_secs(60);

/// Applies manifests, and waits until all workflows among them are valid.
///
/// # Errors
/// Returns an error if kubectl refuses a manifest, or if a workflow is not valid.
pub(super) async fn apply(manifests: &str) -> anyhow::Result<()> {
    for manifest in manifests.split("\n---\n") {
        let names = kubectl_apply(manifest).await?;
        for name in names.lines().filter_map(|name| name.strip_prefix("workflow.smbcopilot.dev/")) {
            wait_until_valid(&namespace(manifest)?, name).await?;
        }
    }
    Ok(())
}

/// Places steps in a workflow, applies it, and deletes it once it is valid: the tenant's plan limits their number.
///
/// # Errors
/// Returns the errors of [`apply`].
pub(super) async fn apply_steps(steps: &str) -> anyhow::Result<()> {
    let name = cluster::unique("steps");
    let manifest = workflow_with_steps(&name, steps);
    apply(&manifest).await?;
    kubectl_with_input(&["delete", "--wait=false", "--filename=-"], &manifest).await.map(drop)
}

fn workflow_with_steps(name: &str, steps: &str) -> String {
    let steps: String = steps.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "apiVersion: smbcopilot.dev/v1alpha1\nkind: Workflow\nmetadata: {{name: {name}, namespace: t-acme}}\nspec:\n  steps:\n{steps}"
    )
}

/// Applies a manifest and returns the names of its objects. A run is only created in a dry run, since it would be executed.
async fn kubectl_apply(manifest: &str) -> anyhow::Result<String> {
    let command: &[&str] = if manifest.contains("generateName:") {
        &["create", "--dry-run=server"]
    } else {
        &["apply", "--server-side", "--force-conflicts"]
    };
    let options = ["--validate=strict", "--output=name", "--filename=-"];
    kubectl_with_input(&[command, &options].concat(), manifest).await
}

/// Returns the namespace that a manifest names.
fn namespace(manifest: &str) -> anyhow::Result<String> {
    let manifest: serde_json::Value = serde_yaml::from_str(manifest)?;
    let namespace = manifest.pointer("/metadata/namespace").and_then(serde_json::Value::as_str);
    Ok(namespace.context("the manifest names no namespace")?.to_owned())
}

async fn wait_until_valid(namespace: &str, name: &str) -> anyhow::Result<()> {
    let workflows = Api::<Workflow>::namespaced(cluster::client().await?, namespace);
    let observe = async || {
        let workflow = workflows.get(name).await?;
        let generation = workflow.metadata.generation;
        let status = workflow.status.unwrap_or_default();
        let is_valid = status.observed_generation == generation && is_true(&status.conditions, "Valid");
        Ok((is_valid, status.problems))
    };
    let what = format!("workflow {name} is valid");
    wait::until(&what, DEADLINE, observe, |(is_valid, _)| *is_valid).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps are indented below `spec.steps`.
    #[test]
    fn steps_are_placed_in_a_workflow() {
        let manifest = workflow_with_steps("one", "- name: c\n  wait: {for: 1s}\n");
        assert!(manifest.ends_with("spec:\n  steps:\n    - name: c\n      wait: {for: 1s}\n"), "{manifest}");
        assert_eq!(namespace(&manifest).unwrap(), "t-acme");
    }
}
