//! Loss of the database.

use kube::ResourceExt as _;
use serde_json::json;
use tests::{
    api::ApiClient,
    kubectl::kubectl,
    tenant_namespace::{DEADLINE, TenantNamespace},
    wait::until,
};

use super::{
    api_snapshot::{api_snapshot, wait_until_mirrored},
    product::{Component, NAMESPACE},
};

/// After the loss of the database, the API returns the same workflows and runs with the same IDs.
#[tokio::test]
async fn a_lost_database_is_restored_from_kubernetes() -> anyhow::Result<()> {
    // The tenant acme is not used, since other tests disturb its runs, which may still change.
    let (api_server, globex) =
        (Component::exclusive("api-server").await?, TenantNamespace::for_tenant("globex").await?);
    let spec = "steps: [{name: only, with: {of: '${{ input.of }}'}, python: {code: 'def run(input, ctx): return input'}}]";
    let workflow = globex.apply_workflow("outage", spec).await?;
    for of in ["Käsekuchen", "Brötchen"] {
        let run = globex.start(&workflow.name_any(), json!({"of": of})).await?;
        globex.wait_for_end(&run).await?;
    }
    let client = ApiClient::globex_admin()?;
    wait_until_mirrored(&client, &globex).await?;
    let before = api_snapshot(&client, &globex).await?;
    assert!(
        before.len() >= 4 + 1 + 2 * 2,
        "the snapshot must have lists, a workflow, and two runs with their steps: {before:#?}"
    );

    psql("drop database smb with (force)").await?;
    psql("create database smb").await?;
    let status = async || Ok(client.get("/v1/workflows").await?.status);
    until("the API reports the loss of the database", DEADLINE, status, |status| *status != 200).await?;
    api_server.restart().await?;

    // Requests succeed once the pod is ready and its Service routes to it.
    let status =
        async || Ok(client.get("/v1/tenant").await.map(|response| response.status).unwrap_or_default());
    until("the API responds", DEADLINE, status, |status| *status == 200).await?;
    let after = api_snapshot(&client, &globex).await?;
    for (path, body) in &before {
        assert_eq!(after.get(path), Some(body), "{path}");
    }
    Ok(())
}

async fn psql(statement: &str) -> anyhow::Result<()> {
    let psql = ["psql", "--host=/tmp", "--username=smb", "--dbname=postgres", "--command", statement];
    kubectl(&[&["--namespace", NAMESPACE, "exec", "smb-copilot-postgres-0", "--"][..], &psql].concat())
        .await?;
    Ok(())
}
