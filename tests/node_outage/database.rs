//! The database is lost.

use kube::ResourceExt as _;
use serde_json::json;
use tests::{
    api::Caller,
    kubectl::kubectl,
    namespace::{DEADLINE, Namespace},
    wait::until,
};

use super::{
    mirrored::{settled, told},
    product::{Component, NAMESPACE},
};

/// A lost volume takes workflows and runs with it, or they come back under other ids or with other content.
#[tokio::test]
async fn an_emptied_database_is_filled_with_the_same() -> anyhow::Result<()> {
    let (api_server, acme) = (Component::alone("api-server").await?, Namespace::of("acme").await?);
    let spec = "steps: [{name: only, with: {of: '${{ input.of }}'}, python: {code: 'def run(input, ctx): return input'}}]";
    let workflow = acme.workflow("outage", spec).await?;
    for of in ["Käsekuchen", "Brötchen"] {
        let run = acme.start(&workflow.name_any(), json!({"of": of})).await?;
        acme.end(&run).await?;
    }
    let viewer = Caller::viewer()?;
    settled(&viewer, &acme).await?;
    let before = told(&viewer, &acme).await?;
    assert!(before.len() >= 4 + 1 + 2 * 2, "lists, a workflow, two runs with their steps: {before:#?}");

    psql("drop database smb with (force)").await?;
    psql("create database smb").await?;
    let gone = async || Ok(viewer.get("/v1/workflows").await?.status);
    until("the API has lost it", DEADLINE, gone, |status| *status != 200).await?;
    api_server.restart().await?;

    // The address answers as soon as the node has noticed that the pod is ready.
    let answers = async || Ok(viewer.get("/v1/tenant").await.map(|answer| answer.status).unwrap_or_default());
    until("the API answers", DEADLINE, answers, |status| *status == 200).await?;
    let after = told(&viewer, &acme).await?;
    for (path, answer) in &before {
        assert_eq!(after.get(path), Some(answer), "{path}");
    }
    Ok(())
}

async fn psql(statement: &str) -> anyhow::Result<()> {
    let psql = ["psql", "--host=/tmp", "--username=smb", "--dbname=postgres", "--command", statement];
    kubectl(&[&["--namespace", NAMESPACE, "exec", "smb-copilot-postgres-0", "--"][..], &psql].concat())
        .await?;
    Ok(())
}
