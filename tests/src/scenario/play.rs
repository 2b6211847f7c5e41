//! One scenario, from its start to its end.

use std::time::{Duration, Instant};

use anyhow::bail;
use crds::run::RunPhase;
use kube::api::DeleteParams;

use super::{
    check::{self, Differences},
    files::Found,
    format::{MAIN, RunSeen, Scenario, StartRun},
    recorder,
    stage::Stage,
    world::{DEADLINE, World},
};
use crate::cluster;

/// How a scenario ended.
pub enum Played {
    /// All is as expected.
    Passed(Duration),
    /// It is left out, for this reason.
    Skipped(String),
    /// Something is not: what, and what was seen.
    Failed(Duration, String),
}

/// Plays a scenario.
pub async fn play(world: &World, found: &Found) -> Played {
    let started = now();
    let id = cluster::unique("s");
    let scenario = match found.parse(&recorder::stands_for(&id)) {
        Ok(scenario) => scenario,
        Err(error) => return Played::Failed(started.elapsed(), format!("{error:#}")),
    };
    if let Some(reason) = scenario.skip {
        return Played::Skipped(reason);
    }
    match enter(world, &scenario, id).await {
        Ok(stage) => match run(&stage).await {
            Ok(()) => Played::Passed(started.elapsed()),
            Err(error) => Played::Failed(
                started.elapsed(),
                format!("{}\n{error:#}\n{}", scenario.title, stage.dump().await),
            ),
        },
        Err(error) => Played::Failed(started.elapsed(), format!("{error:#}")),
    }
}

fn now() -> Instant {
    Instant::now()
}

async fn enter<'a>(world: &'a World, scenario: &'a Scenario, id: String) -> anyhow::Result<Stage<'a>> {
    let namespace = world.namespace(&id, scenario.plan.as_ref()).await?;
    Ok(Stage { world, scenario, id, namespace })
}

async fn run(stage: &Stage<'_>) -> anyhow::Result<()> {
    let scenario = stage.scenario;
    recorder::script(&stage.world.client, &stage.id, &scenario.http).await?;
    stage.set().await?;
    if scenario.starts && scenario.expect.problems.is_none() {
        let main =
            StartRun { name: MAIN.to_owned(), workflow: None, input: None, reuse: None, priority: None };
        stage.start(&main).await?;
    }
    for event in &scenario.events {
        stage.happen(event).await?;
    }
    let mut differences = Differences::default();
    compare(stage, &mut differences).await?;
    if !differences.found.is_empty() {
        bail!("{}", differences.found.join("\n"));
    }
    clear(stage).await
}

async fn compare(stage: &Stage<'_>, differences: &mut Differences) -> anyhow::Result<()> {
    let expect = &stage.scenario.expect;
    if let Some(problems) = &expect.problems {
        let status = stage.workflow(MAIN).and_then(|workflow| workflow.status).unwrap_or_default();
        check::problems(differences, problems, &status.problems);
    }
    let runs = expect.run.iter().map(|run| (MAIN, run));
    for (called, expected) in runs.chain(expect.runs.iter().map(|(called, run)| (called.as_str(), run))) {
        let status = end(stage, called, expected).await?;
        check::run(differences, called, expected, &status);
        stage.compare_sizes(differences, called, expected);
    }
    stage.compare_calls(differences).await?;
    stage.compare_children(differences);
    stage.compare_scheduled(differences).await?;
    stage.compare_logs(differences).await?;
    stage.compare_absent(differences).await
}

/// Waits for the expected phase, or for any end: the comparison then says how it ended instead.
async fn end(stage: &Stage<'_>, called: &str, expected: &RunSeen) -> anyhow::Result<crds::WorkflowRunStatus> {
    let holds = |run: &crds::WorkflowRun| {
        let phase = run.status.as_ref().and_then(|status| status.phase);
        phase.is_some_and(|phase| phase.is_final() || Some(phase) == expected.phase)
    };
    let run = stage.until(called, "its end", DEADLINE, holds).await?;
    Ok(run.status.unwrap_or_default())
}

/// What would go on by itself is ended: schedules, and runs that were expected to wait.
async fn clear(stage: &Stage<'_>) -> anyhow::Result<()> {
    if stage.scenario.expect.scheduled.is_some() {
        let workflows: kube::Api<crds::Workflow> = stage.world.api(&stage.namespace);
        workflows.delete(&stage.name(MAIN), &DeleteParams::background()).await?;
    }
    let is_over = |run: &crds::WorkflowRun| {
        run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
    };
    if stage.run(MAIN).is_some_and(|run| !is_over(&run)) {
        stage.runs().delete(&stage.name(MAIN), &DeleteParams::default()).await?;
    }
    Ok(())
}
