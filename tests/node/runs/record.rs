//! What the API tells of runs: while they run, and when Kubernetes has forgotten them.

use std::time::Duration;

use anyhow::Context as _;
use crds::run::RunPhase;
use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{
    api::Caller,
    namespace::{DEADLINE, Namespace},
    wait,
};

/// Finished runs are looked through once a minute.
const RETIRED_WITHIN: Duration = Duration::from_secs(300);

/// Who follows a run sees nothing before its end, or is never told of it.
#[tokio::test]
async fn a_log_is_followed_while_its_step_runs() -> anyhow::Result<()> {
    let (acme, viewer) = (Namespace::of("acme").await?, Caller::viewer()?);
    let spec = "
        steps:
        - name: talk
          python: {code: \"import time\\ndef run(input, ctx):\\n  print('grüße')\\n  time.sleep(600)\"}";
    let workflow = acme.workflow("followed", spec).await?;
    let run = acme.start(&workflow.name_any(), json!({})).await?;
    let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
    told(&viewer, &path).await?;

    let mut log = viewer.follow(&format!("{path}/logs?step=talk&stream=STDOUT")).await?;
    let (event, line) = log.next().await?.context("the stream has ended before the run has")?;
    assert_eq!((event.as_str(), &line["line"]), ("log", &json!("grüße")));
    let status = acme.runs().get(&run.name_any()).await?.status.unwrap_or_default();
    assert_eq!(status.phase, Some(RunPhase::Running), "the line came while the step runs");

    let cancel = Patch::Merge(json!({"spec": {"cancel": "Now"}}));
    acme.runs().patch(&run.name_any(), &PatchParams::default(), &cancel).await?;
    let (event, end) = log.next().await?.context("the stream has ended without a word")?;
    assert_eq!((event.as_str(), &end["status"]), ("end", &json!("CANCELLED")));
    assert_eq!(log.next().await?, None, "the stream goes on after its end");
    Ok(())
}

/// Finished runs fill Kubernetes, or what they did and said is gone with them.
#[tokio::test]
async fn a_run_beyond_those_that_are_kept_leaves_its_record() -> anyhow::Result<()> {
    let (acme, viewer) = (Namespace::of("acme").await?, Caller::viewer()?);
    let spec = "
        retention: {keep: 1}
        steps: [{name: say, python: {code: \"def run(input, ctx):\\n  print(input)\\n  return 7\"}, with: '${{ input.n }}'}]";
    let workflow = acme.workflow("kept", spec).await?.name_any();
    let older = acme.start(&workflow, json!({"n": 1})).await?;
    acme.end(&older).await?;
    let newer = acme.start(&workflow, json!({"n": 2})).await?;
    acme.end(&newer).await?;

    let look = async || Ok(acme.runs().get_opt(&older.name_any()).await?);
    wait::until("the older run is deleted", RETIRED_WITHIN, look, Option::is_none).await?;
    assert!(acme.runs().get_opt(&newer.name_any()).await?.is_some(), "the newest is kept");
    for (run, n) in [(&older, "1"), (&newer, "2")] {
        let path = format!("/v1/workflow-runs/{}", run.uid().unwrap_or_default());
        let record = told(&viewer, &path).await?;
        assert_eq!((&record["status"], &record["output"]), (&json!("SUCCEEDED"), &json!({"say": 7})));
        let steps = viewer.get(&format!("{path}/steps")).await?.list();
        assert_eq!(steps.iter().map(|step| &step["name"]).collect::<Vec<_>>(), [&json!("say")]);
        // The last lines are stored some tenths of a second after the run's end.
        let look = async || Ok(viewer.get(&format!("{path}/logs?step=say&stream=STDOUT")).await?.list());
        let said = |lines: &Vec<Value>| lines.iter().map(|line| &line["line"]).eq([&json!(n)]);
        wait::until("its lines are kept", DEADLINE, look, said).await?;
    }
    Ok(())
}

/// Waits until the API knows of a run, and gives what it tells.
async fn told(caller: &Caller, path: &str) -> anyhow::Result<Value> {
    let look = async || Ok(caller.get(path).await?);
    Ok(wait::until("the API tells of the run", DEADLINE, look, |answer| answer.status == 200).await?.body)
}
