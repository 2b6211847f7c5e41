//! Executes one scenario from start to end.

use std::time::{Duration, Instant};

use anyhow::bail;
use crds::run::RunPhase;
use kube::api::DeleteParams;

use super::{
    compare::{self, Differences},
    context::ScenarioContext,
    files::ScenarioFile,
    format::{ExpectedRun, MAIN, Scenario, StartRun},
    harness::{DEADLINE, Harness},
    recorder,
};
use crate::cluster;

/// Result of a scenario.
pub enum Outcome {
    /// Everything was as expected.
    Passed(Duration),
    /// The scenario was skipped for this reason.
    Skipped(String),
    /// Something was not as expected: the differences, and the state of the runs.
    Failed(Duration, String),
}

/// Executes a scenario and compares the result with the expected one.
pub async fn run_scenario(harness: &Harness, file: &ScenarioFile) -> Outcome {
    let started = now();
    let id = cluster::unique("s");
    let scenario = match file.parse(&recorder::placeholders(&id)) {
        Ok(scenario) => scenario,
        Err(error) => return Outcome::Failed(started.elapsed(), format!("{error:#}")),
    };
    if let Some(reason) = scenario.skip {
        return Outcome::Skipped(reason);
    }
    match create_context(harness, &scenario, id).await {
        Ok(context) => match execute(&context).await {
            Ok(()) => Outcome::Passed(started.elapsed()),
            Err(error) => Outcome::Failed(
                started.elapsed(),
                format!("{}\n{error:#}\n{}", scenario.title, context.dump().await),
            ),
        },
        Err(error) => Outcome::Failed(started.elapsed(), format!("{error:#}")),
    }
}

fn now() -> Instant {
    Instant::now()
}

async fn create_context<'a>(
    harness: &'a Harness,
    scenario: &'a Scenario,
    id: String,
) -> anyhow::Result<ScenarioContext<'a>> {
    let namespace = harness.namespace(&id, scenario.plan.as_ref()).await?;
    Ok(ScenarioContext { harness, scenario, id, namespace })
}

async fn execute(context: &ScenarioContext<'_>) -> anyhow::Result<()> {
    let scenario = context.scenario;
    recorder::set_responses(&context.harness.client, &context.id, &scenario.http).await?;
    context.create_objects().await?;
    if scenario.starts && scenario.expect.problems.is_none() {
        let main =
            StartRun { name: MAIN.to_owned(), workflow: None, input: None, reuse: None, priority: None };
        context.start(&main).await?;
    }
    for event in &scenario.events {
        context.execute(event).await?;
    }
    let mut differences = Differences::default();
    compare(context, &mut differences).await?;
    if !differences.found.is_empty() {
        bail!("{}", differences.found.join("\n"));
    }
    clean_up(context).await
}

async fn compare(context: &ScenarioContext<'_>, differences: &mut Differences) -> anyhow::Result<()> {
    let expect = &context.scenario.expect;
    if let Some(problems) = &expect.problems {
        let status = context.workflow(MAIN).and_then(|workflow| workflow.status).unwrap_or_default();
        compare::problems(differences, problems, &status.problems);
    }
    let runs = expect.run.iter().map(|run| (MAIN, run));
    for (called, expected) in runs.chain(expect.runs.iter().map(|(called, run)| (called.as_str(), run))) {
        let status = wait_for_end(context, called, expected).await?;
        compare::run(differences, called, expected, &status);
        context.compare_sizes(differences, called, expected);
    }
    context.compare_calls(differences).await?;
    context.compare_children(differences);
    context.compare_scheduled(differences).await?;
    context.compare_logs(differences).await?;
    context.compare_absent(differences).await
}

/// Waits until the run has the expected phase or has ended; the comparison reports any other end.
async fn wait_for_end(
    context: &ScenarioContext<'_>,
    called: &str,
    expected: &ExpectedRun,
) -> anyhow::Result<crds::WorkflowRunStatus> {
    let condition = |run: &crds::WorkflowRun| {
        let phase = run.status.as_ref().and_then(|status| status.phase);
        phase.is_some_and(|phase| phase.is_final() || Some(phase) == expected.phase)
    };
    let run = context.wait_until(called, "it has ended", DEADLINE, condition).await?;
    Ok(run.status.unwrap_or_default())
}

/// Deletes what would continue to run: scheduled workflows, and runs that were expected to wait.
async fn clean_up(context: &ScenarioContext<'_>) -> anyhow::Result<()> {
    if context.scenario.expect.scheduled.is_some() {
        let workflows: kube::Api<crds::Workflow> = context.harness.api(&context.namespace);
        workflows.delete(&context.name(MAIN), &DeleteParams::background()).await?;
    }
    let has_ended = |run: &crds::WorkflowRun| {
        run.status.as_ref().and_then(|status| status.phase).is_some_and(RunPhase::is_final)
    };
    if context.run(MAIN).is_some_and(|run| !has_ended(&run)) {
        context.runs().delete(&context.name(MAIN), &DeleteParams::default()).await?;
    }
    Ok(())
}
