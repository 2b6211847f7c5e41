//! Loss of the admission policy that fences runners.

use crds::{WorkflowRunStatus, run::RunPhase};
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;
use tests::tenant_namespace::TenantNamespace;

use super::product::Component;

const FENCE: &str = "smb-copilot-runner-fence";

/// While the fence is not in force, no run is admitted, and the status of a run says so; later the run succeeds.
#[tokio::test]
async fn no_run_is_admitted_without_the_fence() -> anyhow::Result<()> {
    let operator = Component::exclusive("operator").await?;
    let acme = TenantNamespace::for_tenant("acme").await?;
    let workflow = acme.apply_workflow("fenced", "steps: [{name: one, expr: {value: 1}}]").await?;
    let name = workflow.metadata.name.unwrap_or_default();
    let trusted = acme.start(&name, json!({})).await?;
    assert_eq!(acme.wait_for_end(&trusted).await?.phase, Some(RunPhase::Succeeded));
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(acme.client.clone());
    let mut binding = bindings.get(FENCE).await?;
    bindings.delete(FENCE, &DeleteParams::default()).await?;
    let waiting = acme.start(&name, json!({})).await?;
    let is_waiting = |status: &WorkflowRunStatus| {
        status.queue.as_ref().is_some_and(|queue| queue.reason == "FenceNotReady")
    };
    let waited = acme.wait_until(&waiting, "it waits for the fence", is_waiting).await;
    binding.metadata.resource_version = None;
    binding.metadata.uid = None;
    bindings.create(&PostParams::default(), &binding).await?;
    let message = waited?.queue.map(|queue| queue.message).unwrap_or_default();
    assert!(message.contains(FENCE), "{message}");
    assert_eq!(acme.wait_for_end(&waiting).await?.phase, Some(RunPhase::Succeeded));
    operator.wait_until_ready().await
}
