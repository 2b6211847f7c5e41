//! What the API server refuses to accounts of the installed product.

use anyhow::Context as _;
use crds::WorkflowRun;
use k8s_openapi::api::{authentication::v1::TokenRequest, batch::v1::Job, core::v1::ServiceAccount};
use kube::{
    Api, Client, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;
use tests::{cluster, namespace::Namespace};

use super::pods::Listener;

const OPERATOR: &str = "system:serviceaccount:smb-copilot:smb-copilot-operator";
const RUNNER: &str = "system:serviceaccount:t-acme:smb-runner";
const FENCE: &str = "smb-copilot-runner-fence";
/// Nothing of what is let through is made.
const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };

/// Whoever takes over the operator runs pods wherever they like.
#[tokio::test]
async fn the_operator_is_refused_a_job_in_default() -> anyhow::Result<()> {
    let operator = cluster::client_as(OPERATOR, &groups("system:serviceaccounts:smb-copilot")).await?;
    let job: Job = serde_json::from_value(json!({
        "metadata": {"name": cluster::unique("isolation")},
        "spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "runner", "image": "runner"}]}}},
    }))?;
    let inside = Api::<Job>::namespaced(operator.clone(), "t-acme").create(&DRY_RUN, &job).await;
    assert_eq!(refusal(inside)?, None, "it may where a tenant is");
    for namespace in ["default", "kube-system", "smb-copilot"] {
        let said = refusal(Api::<Job>::namespaced(operator.clone(), namespace).create(&DRY_RUN, &job).await)?;
        assert!(said.as_ref().is_some_and(|said| said.contains("forbidden")), "{namespace}: {said:?}");
    }
    Ok(())
}

/// A pod, or a person, that has the runners' account rewrites the runs of others.
#[tokio::test]
async fn who_does_not_hold_a_run_is_refused_its_status() -> anyhow::Result<()> {
    let acme = Namespace::of("acme").await?;
    // It ends at once, without a pod.
    let run = acme.start("there-is-no-such-workflow", json!({})).await?;
    acme.end(&run).await?;

    let without_pod = cluster::client_as(RUNNER, &groups("system:serviceaccounts:t-acme")).await?;
    let listener = Listener::start_as(&acme.client, &acme.name, "smb-runner").await?;
    let of_pod = as_pod(&acme.client, &listener).await?;
    for client in [without_pod, of_pod] {
        let runs = Api::<WorkflowRun>::namespaced(client, &acme.name);
        runs.get(&run.name_any()).await.context("it may read the runs of its tenant")?;
        let patch = Patch::Merge(json!({"status": {"output": "forged"}}));
        let said = refusal(runs.patch_status(&run.name_any(), &PatchParams::default(), &patch).await)?;
        assert!(said.as_ref().is_some_and(|said| said.contains(FENCE)), "{said:?}");
    }
    let now = acme.runs().get(&run.name_any()).await?.status.unwrap_or_default();
    assert_eq!(now.output, None);
    acme.runs().delete(&run.name_any(), &DeleteParams::default()).await?;
    listener.end().await
}

/// A client with a token of the runners' account that is bound to another pod than a run's.
async fn as_pod(client: &Client, pod: &Listener) -> anyhow::Result<Client> {
    let request: TokenRequest = serde_json::from_value(json!({"spec": {
        "audiences": [], "boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod.name},
    }}))?;
    let accounts = Api::<ServiceAccount>::namespaced(client.clone(), "t-acme");
    let issued = accounts.create_token_request("smb-runner", &PostParams::default(), &request).await?;
    let token = issued.status.context("a token request is answered with a token")?.token;
    let mut config = cluster::config().await?;
    config.auth_info = kube::config::AuthInfo { token: Some(token.into()), ..Default::default() };
    Ok(Client::try_from(config)?)
}

fn groups(of_namespace: &str) -> [&str; 3] {
    ["system:serviceaccounts", of_namespace, "system:authenticated"]
}

/// The words with which a request was refused; `None` where it was let through.
fn refusal<T>(result: kube::Result<T>) -> anyhow::Result<Option<String>> {
    match result {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}
