//! Runs, which are not in Git, of workflows that are.

use crds::{WorkflowRun, run::TriggerKind};
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use tests::{cluster::unique, wait};

use super::{DEADLINE, application::Application, manifests, tenancy::Tenancy};

const RUNS: usize = 10;
const SCHEDULE: &str = r#"  schedules:
    - {name: often, cron: "*/2 * * * * *", input: {quantity: 7}}
"#;

/// Ten runs and a schedule make no difference between Git and the cluster: the Application stays Synced and Healthy, and
/// nothing is synchronised again.
#[tokio::test]
async fn an_application_stays_synced_through_runs_and_a_schedule() -> anyhow::Result<()> {
    let tenancy = Tenancy::create("running").await?;
    tenancy.repository.write("workflow.yaml", &manifests::workflow(&tenancy.slug, SCHEDULE))?;
    let application = tenancy.apply().await?;
    let before = application.status().await?.text("/operationState/finishedAt");
    for number in 0..RUNS {
        let run = json!({
            "metadata": {"name": unique("order")},
            "spec": {"workflowRef": {"name": "intake"}, "input": {"quantity": number}},
        });
        k8s_client::create(&tenancy.runs, &PostParams::default(), &serde_json::from_value(run)?).await?;
    }
    let is_done = |manual: &(usize, usize)| *manual >= (RUNS, 1);
    let count = async || finish_runs(&tenancy, &application).await;
    wait::until("all runs and one of the schedule have ended", DEADLINE, count, is_done).await?;
    let status = application.compare_again().await?;
    assert_eq!((status.text("/sync/status").as_str(), status.health().as_str()), ("Synced", "Healthy"));
    assert_eq!(status.text("/operationState/finishedAt"), before, "synchronised again: {status:?}");
    Ok(())
}

/// Ends the runs that have a pod, as their runner does, and returns how many runs have ended: those started by hand, and those
/// of the schedule. Fails if the Application shows a difference meanwhile.
async fn finish_runs(tenancy: &Tenancy, application: &Application) -> anyhow::Result<(usize, usize)> {
    let status = application.status().await?;
    anyhow::ensure!(status.text("/sync/status") == "Synced" && status.health() == "Healthy", "{status:?}");
    let ended = json!({"status": {"phase": "Succeeded", "finishedAt": telemetry::clock::now().to_string()}});
    let (mut manual, mut scheduled) = (0, 0);
    for run in tenancy.runs.list(&ListParams::default()).await? {
        let status = run.status.clone().unwrap_or_default();
        if status.phase.is_some_and(|phase| phase.is_final()) {
            match is_scheduled(&run) {
                true => scheduled += 1,
                false => manual += 1,
            }
        } else if status.runner.is_some_and(|runner| runner.pod_uid.is_some()) {
            let name = run.metadata.name.unwrap_or_default();
            tenancy.runs.patch_status(&name, &PatchParams::default(), &Patch::Merge(&ended)).await?;
        }
    }
    Ok((manual, scheduled.min(1)))
}

fn is_scheduled(run: &WorkflowRun) -> bool {
    run.spec.trigger.as_ref().is_some_and(|trigger| trigger.kind == TriggerKind::Schedule)
}
