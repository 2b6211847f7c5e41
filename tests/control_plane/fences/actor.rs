//! Nobody speaks for another.

use crds::WorkflowRun;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster::{client, client_as, unique};

use super::{accepted, place::Place, refusal, refused};

const ANNA: &str = "anna@acme.example";
const API_SERVER: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";

fn run(trigger: Option<&Value>) -> anyhow::Result<WorkflowRun> {
    let spec = json!({"workflowRef": {"name": "order-invoice"}, "trigger": trigger});
    Ok(serde_json::from_value(json!({"metadata": {"name": unique("spoken")}, "spec": spec}))?)
}

async fn create(runs: &Api<WorkflowRun>, run: &WorkflowRun) -> kube::Result<WorkflowRun> {
    runs.create(&PostParams { dry_run: true, ..PostParams::default() }, run).await
}

/// A run is started, and shown to everybody, in the name of somebody who did not.
#[tokio::test]
async fn a_run_is_started_by_who_starts_it() -> anyhow::Result<()> {
    let (admin, anna, api_server) =
        (client().await?, client_as(ANNA, &[]).await?, client_as(API_SERVER, &[]).await?);
    let place = Place::managed(&admin).await?;
    place
        .bind(
            "smb-copilot-tenant-operator",
            json!({"kind": "User", "name": ANNA, "apiGroup": "rbac.authorization.k8s.io"}),
        )
        .await?;
    let runs = place.api(&anna);
    let (own, other) = (trigger(ANNA)?, trigger("jan@acme.example")?);
    accepted("her own name", || create(&runs, &own)).await?;
    refused("spec.trigger.by must be you (anna@acme.example) or absent", || create(&runs, &other)).await?;
    assert_eq!(refusal(create(&runs, &run(None)?).await)?, None, "nobody's name");
    // It has authenticated whom it speaks for.
    assert_eq!(refusal(create(&place.api(&api_server), &other).await)?, None);
    place.remove().await
}

fn trigger(by: &str) -> anyhow::Result<WorkflowRun> {
    run(Some(&json!({"kind": "Manual", "by": by})))
}

/// An invoice is approved in the name of the boss.
#[tokio::test]
async fn a_decision_is_of_who_decides() -> anyhow::Result<()> {
    let (admin, anna) = (client().await?, client_as(ANNA, &[]).await?);
    let place = Place::managed(&admin).await?;
    place
        .bind(
            "smb-copilot-tenant-admin",
            json!({"kind": "User", "name": ANNA, "apiGroup": "rbac.authorization.k8s.io"}),
        )
        .await?;
    let made = place.api(&admin).create(&PostParams::default(), &run(None)?).await?;
    let name = made.metadata.name.unwrap_or_default();
    let runs = place.api::<WorkflowRun>(&anna);
    let decide = async |by: Option<&str>| {
        let decision = json!({"key": "approve", "approved": true, "by": by});
        let patch = Patch::Merge(json!({"spec": {"decisions": [decision]}}));
        runs.patch(&name, &PatchParams { dry_run: true, ..PatchParams::default() }, &patch).await
    };
    accepted("her own", || decide(Some(ANNA))).await?;
    let words = "spec.decisions[].by must be you (anna@acme.example)";
    refused(words, || decide(Some("boss@acme.example"))).await?;
    refused(words, || decide(None)).await?;
    place.remove().await
}
