//! The cause of a run is what its creator is, and names that the platform will choose are reserved.

use crds::{WorkflowRun, names};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};
use tests::{
    cluster::{client, client_as, unique},
    test_namespace::TestNamespace,
};

use super::{accepted, refusal, refused};

const DRY_RUN: PostParams = PostParams { dry_run: true, field_manager: None };
const API_SERVER: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";

fn run(name: &str, trigger: &Value) -> anyhow::Result<WorkflowRun> {
    let spec = json!({"workflowRef": {"name": "order-invoice"}, "trigger": trigger});
    Ok(serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec}))?)
}

async fn user(namespace: &TestNamespace, role: &str) -> anyhow::Result<Api<WorkflowRun>> {
    let name = format!("{}@acme.example", unique(role));
    let subject = json!({"kind": "User", "name": name, "apiGroup": "rbac.authorization.k8s.io"});
    namespace.bind(&format!("smb-copilot-tenant-{role}"), subject).await?;
    let runs = namespace.api(&client_as(&name, &[]).await?);
    let plain = run(&unique("manual"), &json!({"kind": "Manual"}))?;
    accepted("the role is effective", || runs.create(&DRY_RUN, &plain)).await?;
    Ok(runs)
}

/// No user, not even an administrator, can start a run that looks as if a schedule or the API had started it.
#[tokio::test]
async fn users_start_runs_by_hand_only() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    for runs in [user(&namespace, "admin").await?, namespace.api(&admin)] {
        for kind in ["Api", "Schedule", "Webhook", "Rerun"] {
            let forged = run(&unique("forged"), &json!({"kind": kind}))?;
            refused("spec.trigger.kind must be Manual or absent", || runs.create(&DRY_RUN, &forged)).await?;
        }
    }
    let api_server = namespace.api(&client_as(API_SERVER, &[]).await?);
    let own = run(
        &names::api_run("order-invoice", "u", "request"),
        &json!({"kind": "Api", "by": "anna@acme.example"}),
    )?;
    assert_eq!(refusal(api_server.create(&DRY_RUN, &own).await)?, None);
    let scheduled = run(&unique("forged"), &json!({"kind": "Schedule"}))?;
    assert!(refusal(api_server.create(&DRY_RUN, &scheduled).await)?.is_some());
    namespace.delete().await
}

/// Nobody can create an object in advance under the name of a scheduled run, a run of the API or a sub-run.
#[tokio::test]
async fn names_that_the_platform_will_choose_are_reserved() -> anyhow::Result<()> {
    let admin = client().await?;
    let namespace = TestNamespace::managed(&admin).await?;
    let runs = user(&namespace, "admin").await?;
    for name in [
        names::scheduled_run("order-invoice", "u", "nightly", 0, 0),
        names::api_run("order-invoice", "u", "request"),
        names::sub_run("order-7", "u", "invoice", 1),
    ] {
        let early = run(&name, &json!({"kind": "Manual"}))?;
        refused("such names are reserved for runs that the platform starts", || {
            runs.create(&DRY_RUN, &early)
        })
        .await?;
    }
    let mut generated = run("", &json!(null))?;
    (generated.metadata.name, generated.metadata.generate_name) =
        (None, Some("order-invoice-api-".to_owned()));
    assert_eq!(refusal(runs.create(&DRY_RUN, &generated).await)?, None, "a generated name");
    namespace.delete().await
}
