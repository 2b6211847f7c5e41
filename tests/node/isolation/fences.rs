//! Requests that the API server denies to service accounts of the installed product.

use anyhow::Context as _;
use crds::WorkflowRun;
use k8s_openapi::api::{authentication::v1::TokenRequest, batch::v1::Job, core::v1::ServiceAccount};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tests::{cluster, tenant_namespace::TenantNamespace};

use super::pods::Listener;

const OPERATOR: &str = "system:serviceaccount:smb-copilot:smb-copilot-operator";
const RUNNER: &str = "system:serviceaccount:t-acme:smb-runner";
const FENCE: &str = "smb-copilot-runner-fence";
/// Requests that are expected to be permitted are sent as dry runs, so that they change nothing.
const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };

/// The operator cannot create Jobs outside of namespaces of tenants.
#[tokio::test]
async fn the_operator_cannot_create_a_job_in_default() -> anyhow::Result<()> {
    let operator = cluster::client_as(OPERATOR, &groups("system:serviceaccounts:smb-copilot")).await?;
    let job: Job = serde_json::from_value(json!({
        "metadata": {"name": cluster::unique("isolation")},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "runner", "image": "runner"}]}}},
    }))?;
    let inside = Api::<Job>::namespaced(operator.clone(), "t-acme").create(&DRY_RUN, &job).await;
    assert_eq!(refusal(inside)?, None, "the operator can create Jobs in the namespace of a tenant");
    for namespace in ["default", "kube-system", "smb-copilot"] {
        let message =
            refusal(Api::<Job>::namespaced(operator.clone(), namespace).create(&DRY_RUN, &job).await)?;
        assert!(
            message.as_ref().is_some_and(|message| message.contains("forbidden")),
            "{namespace}: {message:?}"
        );
    }
    Ok(())
}

/// The service account of runners can write the status of a run only with the token of the pod to which the
/// run is assigned.
#[tokio::test]
async fn only_the_pod_of_a_run_can_write_its_status() -> anyhow::Result<()> {
    let acme = TenantNamespace::for_tenant("acme").await?;
    // The run ends at once, without a pod.
    let run = acme.start("there-is-no-such-workflow", json!({})).await?;
    acme.wait_for_end(&run).await?;

    let without_pod = cluster::client_as(RUNNER, &groups("system:serviceaccounts:t-acme")).await?;
    let listener = Listener::start_as(&acme.client, &acme.name, "smb-runner").await?;
    let with_pod = as_pod(&acme.client, &listener).await?;
    for client in [without_pod, with_pod] {
        let runs = Api::<WorkflowRun>::namespaced(client, &acme.name);
        runs.get(&run.name_any()).await.context("the runner cannot read the runs of its tenant")?;
        let patch = Patch::Merge(json!({"status": {"output": "forged"}}));
        let message = refusal(runs.patch_status(&run.name_any(), &PatchParams::default(), &patch).await)?;
        assert!(message.as_ref().is_some_and(|message| message.contains(FENCE)), "{message:?}");
    }
    let now = acme.runs().get(&run.name_any()).await?.status.unwrap_or_default();
    assert_eq!(now.output, None);
    acme.runs().delete(&run.name_any(), &DeleteParams::default()).await?;
    listener.delete().await
}

/// Returns a client with a token of the service account of runners that is bound to this pod.
async fn as_pod(client: &Client, pod: &Listener) -> anyhow::Result<Client> {
    let request: TokenRequest = serde_json::from_value(json!({"spec": {
        "audiences": [], "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name},
    }}))?;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "t-acme");
    let issued = accounts.create_token_request("smb-runner", &PostParams::default(), &request).await?;
    let token = issued.status.context("the token request has no status")?.token;
    let mut config = cluster::config().await?;
    config.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
    Ok(Client::try_from(config)?)
}

fn groups(of_namespace: &str) -> [&str; 3] {
    ["system:serviceaccounts", of_namespace, "system:authenticated"]
}

/// Returns the message with which a request was refused, or `None` if it was permitted.
fn refusal<T>(result: kube::Result<T>) -> anyhow::Result<Option<String>> {
    match result {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}
