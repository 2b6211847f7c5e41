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
    // In acme are runs that the other scenarios here disturb, and what is told of them may still change.
    let (api_server, globex) = (Component::alone("api-server").await?, Namespace::of("globex").await?);
    let spec = "steps: [{name: only, with: {of: '${{ input.of }}'}, python: {code: 'def run(input, ctx): return input'}}]";
    let workflow = globex.workflow("outage", spec).await?;
    for of in ["Käsekuchen", "Brötchen"] {
        let run = globex.start(&workflow.name_any(), json!({"of": of})).await?;
        globex.end(&run).await?;
    }
    let caller = Caller::of_globex()?;
    settled(&caller, &globex).await?;
    let before = told(&caller, &globex).await?;
    assert!(before.len() >= 4 + 1 + 2 * 2, "lists, a workflow, two runs with their steps: {before:#?}");

    psql("drop database smb with (force)").await?;
    psql("create database smb").await?;
    let gone = async || Ok(caller.get("/v1/workflows").await?.status);
    until("the API has lost it", DEADLINE, gone, |status| *status != 200).await?;
    api_server.restart().await?;

    // The address answers as soon as the node has noticed that the pod is ready.
    let answers = async || Ok(caller.get("/v1/tenant").await.map(|answer| answer.status).unwrap_or_default());
    until("the API answers", DEADLINE, answers, |status| *status == 200).await?;
    let after = told(&caller, &globex).await?;
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
