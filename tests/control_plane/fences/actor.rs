//! No user can act in the name of another one.

use crds::WorkflowRun;
use kube::{
    Api, Client,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};
use tests::cluster::{client, client_as, unique};

use tests::test_namespace::TestNamespace;

use super::{accepted, refusal, refused};

const ANNA: &str = "anna@acme.example";
const API_SERVER: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";

fn run(trigger: Option<&Value>) -> anyhow::Result<WorkflowRun> {
    let spec = json!({"workflowRef": {"name": "order-invoice"}, "trigger": trigger});
    Ok(serde_json::from_value(json!({"metadata": {"name": unique("spoken")}, "spec": spec}))?)
}

async fn create(runs: &Api<WorkflowRun>, run: &WorkflowRun) -> kube::Result<WorkflowRun> {
    runs.create(&PostParams { dry_run: true, ..PostParams::default() }, run).await
}

/// A run can only be started in the name of the user who starts it.
#[tokio::test]
async fn a_run_is_started_in_the_name_of_its_creator() -> anyhow::Result<()> {
    let (admin, anna, api_server) =
        (client().await?, client_as(ANNA, &[]).await?, client_as(API_SERVER, &[]).await?);
    let namespace = TestNamespace::managed(&admin).await?;
    namespace
        .bind(
            "smb-copilot-tenant-operator",
            json!({"kind": "User", "name": ANNA, "apiGroup": "rbac.authorization.k8s.io"}),
        )
        .await?;
    let runs = namespace.api(&anna);
    let (own, other) = (trigger(ANNA)?, trigger("jan@acme.example")?);
    accepted("her own name", || create(&runs, &own)).await?;
    refused("spec.trigger.by must equal your user name (anna@acme.example) or be absent", || {
        create(&runs, &other)
    })
    .await?;
    assert_eq!(refusal(create(&runs, &run(None)?).await)?, None, "a run without a name");
    // The api-server has authenticated the user in whose name it starts the run.
    assert_eq!(refusal(create(&namespace.api(&api_server), &other).await)?, None);
    namespace.delete().await
}

fn trigger(by: &str) -> anyhow::Result<WorkflowRun> {
    run(Some(&json!({"kind": "Manual", "by": by})))
}

/// Creates a run that waits for approvals: of `approve` by admins, and of the third item of `each` by
/// operators.
async fn waiting(admin: &Client, namespace: &TestNamespace) -> anyhow::Result<String> {
    let runs = namespace.api::<WorkflowRun>(admin);
    let name = runs.create(&PostParams::default(), &run(None)?).await?.metadata.name.unwrap_or_default();
    let asked = |roles: &[&str]| json!({"for": "Approval", "message": "pay?", "roles": roles});
    let status = json!({"phase": "Suspended", "steps": [
        {"name": "approve", "phase": "Suspended", "waiting": asked(&["admin"])},
        {"name": "each", "phase": "Suspended", "items": {"total": 9, "active": [
            {"index": 2, "attempt": 1, "waiting": asked(&["operator"])},
        ]}},
        {"name": "done", "phase": "Succeeded"},
    ]});
    let patch = Patch::Merge(json!({"status": status}));
    runs.patch_status(&name, &PatchParams::default(), &patch).await?;
    Ok(name)
}

async fn decide(
    runs: &Api<WorkflowRun>,
    run: &str,
    key: &str,
    by: Option<&str>,
) -> kube::Result<WorkflowRun> {
    let patch = Patch::Merge(json!({"spec": {"decisions": [{"key": key, "approved": true, "by": by}]}}));
    runs.patch(run, &PatchParams { dry_run: true, ..PatchParams::default() }, &patch).await
}

async fn person(namespace: &TestNamespace, role: &str) -> anyhow::Result<(String, Api<WorkflowRun>)> {
    let name = format!("{}@acme.example", unique(role));
    let subject = json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    namespace.bind(&format!("smb-copilot-tenant-{role}"), subject).await?;
    Ok((name.clone(), namespace.api(&client_as(&name, &[]).await?)))
}

/// A decision can only be made in the name of the user who makes it.
#[tokio::test]
async fn a_decision_is_made_in_the_name_of_its_author() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let (anna, runs) = person(&namespace, "admin").await?;
    let run = waiting(&admin, &namespace).await?;
    accepted("her own", || decide(&runs, &run, "approve", Some(&anna))).await?;
    let words = format!("spec.decisions[].by must be your user name: write by: {anna} in each decision");
    refused(&words, || decide(&runs, &run, "approve", Some("boss@acme.example"))).await?;
    refused(&words, || decide(&runs, &run, "approve", None)).await?;
    namespace.delete().await
}

/// A decision is replaced only if it was refused, and only by a user who may decide, in their own name.
#[tokio::test]
async fn only_a_refused_decision_is_replaced() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let (anna, runs) = person(&namespace, "admin").await?;
    let (jan, operators) = person(&namespace, "operator").await?;
    let run = waiting(&admin, &namespace).await?;
    let decision = |by: &str, input: &str| {
        let decision = json!({"key": "approve", "approved": true, "by": by, "input": {"note": input}});
        Patch::Merge(json!({"spec": {"decisions": [decision]}}))
    };
    let dry_run = PatchParams { dry_run: true, ..PatchParams::default() };
    let first = decision(&anna, "first");
    accepted("her own", || runs.patch(&run, &dry_run, &first)).await?;
    runs.patch(&run, &PatchParams::default(), &first).await?;
    let second = decision(&anna, "second");
    refused("a decision is immutable, unless it was refused", || runs.patch(&run, &dry_run, &second)).await?;

    let mut status = serde_json::to_value(runs.get(&run).await?.status)?;
    status["steps"][0]["waiting"]["refused"] = json!({"message": "/amount is missing", "generation": 2});
    let patch = Patch::Merge(json!({"status": status}));
    namespace.api::<WorkflowRun>(&admin).patch_status(&run, &PatchParams::default(), &patch).await?;
    accepted("another decision", || runs.patch(&run, &dry_run, &second)).await?;
    let foreign = decision("boss@acme.example", "second");
    refused("must be your user name", || runs.patch(&run, &dry_run, &foreign)).await?;
    let unauthorized = decision(&jan, "second");
    refused("has none of the roles", || operators.patch(&run, &dry_run, &unauthorized)).await?;
    let removed = Patch::Merge(json!({"spec": {"decisions": []}}));
    refused("decisions must not be removed", || runs.patch(&run, &dry_run, &removed)).await?;
    namespace.delete().await
}

/// Only users with the role that the approval names can decide on it.
#[tokio::test]
async fn only_the_named_role_can_decide() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let (anna, admins) = person(&namespace, "admin").await?;
    let (jan, operators) = person(&namespace, "operator").await?;
    let run = waiting(&admin, &namespace).await?;
    accepted("an admin decides for operators", || decide(&admins, &run, "each/2", Some(&anna))).await?;
    accepted("an operator decides what is theirs", || decide(&operators, &run, "each/2", Some(&jan))).await?;
    refused("has none of the roles that may decide on this approval", || {
        decide(&operators, &run, "approve", Some(&jan))
    })
    .await?;
    for key in ["each/3", "done", "missing"] {
        let message = refusal(decide(&admins, &run, key, Some(&anna)).await)?;
        let waits_for_none =
            |message: &String| message.contains("must name a step or item that waits for an approval");
        assert!(message.as_ref().is_some_and(waits_for_none), "{key}: {message:?}");
    }
    namespace.delete().await
}
