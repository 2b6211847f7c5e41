//! Loads the data that a run needs before its first step: the workflow revision, the tenant's configuration,
//! secrets, stored values and ended sub-runs.

use std::{collections::BTreeMap, time::Duration};

use crds::{
    run::{RunError, RunPhase, StepStatus},
    workflow::ErrorKind,
};
use domain::{
    egress::Egress,
    hosts::Hosts,
    run::{FinishRun, Run, RunData, SubRunOutcome, ValueLocation, insert_value, missing_values},
    schema::{Violation, describe_violations},
    workflow::{Problem, ValidationContext, validate},
};
use telemetry::errors::chain;

use crate::{
    api::{ApiServer, FetchError},
    cluster::{ClusterApi, ReadError, TenantConfig},
    retry::{RetryPolicy, retry},
    run::{
        assigned_run::AssignedRun,
        child_runs::{self, is_final},
        context::RunnerContext,
        stored_output::fetch,
    },
    secrets::{self, RedactError, Redactor, SecretError, Secrets},
};

/// Policy for retries, which continue for longer than a restart of the API server takes.
pub(super) const READ_RETRY_POLICY: RetryPolicy = RetryPolicy {
    timeout: Duration::from_secs(60),
    min_delay: Duration::from_millis(500),
    max_delay: Duration::from_millis(500),
};

/// Run with everything that its execution needs.
pub(super) struct LoadedRun {
    pub(super) run: Run,
    pub(super) hosts: Hosts,
    pub(super) egress: Egress,
    pub(super) secrets: Secrets,
    pub(super) redactor: Redactor,
    /// Steps of the run with all their values, including stored ones.
    pub(super) steps: Vec<StepStatus>,
    /// Total time that the run has waited for decisions and times.
    pub(super) waited: Duration,
    /// Sub-runs that the run waits for and that have ended, by name.
    pub(super) child_runs: BTreeMap<String, SubRunOutcome>,
}

/// Failure to load a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("workflow revision {revision} is invalid: {}", list(problems))]
    Invalid { revision: String, problems: Vec<Problem> },
    #[error("the input does not match the workflow's schema: {}", describe_violations(violations))]
    Input { violations: Vec<Violation> },
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error(transparent)]
    Redact(#[from] RedactError),
    #[error("failed to read the stored output of step {step}")]
    Output {
        step: String,
        #[source]
        source: FetchError,
    },
}

/// Loads a run.
///
/// # Errors
/// Returns an error if the run cannot be executed, or not by this pod; see [`LoadError::finish`].
pub(super) async fn load<C: ClusterApi>(
    context: &RunnerContext<'_, C>,
    assigned: &AssignedRun,
) -> Result<LoadedRun, LoadError> {
    let cluster = context.cluster;
    let revision =
        retry(READ_RETRY_POLICY, "read the workflow revision", || cluster.revision(&assigned.revision));
    let tenant = retry(READ_RETRY_POLICY, "read the tenant's configuration", || cluster.tenant());
    let (revision, tenant) = tokio::try_join!(revision, tenant)?;
    let workflow = validate(&revision.spec, &ValidationContext::default())
        .map_err(|problems| LoadError::Invalid { revision: assigned.revision.clone(), problems })?;
    let input = workflow
        .complete_input(Some(assigned.input.clone()))
        .map_err(|violations| LoadError::Input { violations })?;
    let secrets = secrets::load(context.secrets, &revision.spec.secrets).await?;
    let redactor = Redactor::new(&secrets)?;
    let steps = load_steps(context.api, assigned).await?;
    let child_runs = load_child_runs(context, &steps).await?;
    let TenantConfig { name, settings, egress } = tenant;
    let facts = RunData {
        input,
        run_id: assigned.uid.clone(),
        run_name: assigned.name.clone(),
        created_at: assigned.created_at.to_string(),
        workflow: revision.workflow,
        tenant: name,
        tenant_settings: settings,
        secrets: secrets.clone(),
        depth: assigned.depth,
    };
    let hosts = Hosts::for_workflow(&revision.spec, context.python_image);
    let now = telemetry::clock::now();
    let waited = assigned.waited_until(now);
    let run = Run::new(workflow, facts, assigned.started_at.unwrap_or(now), waited);
    Ok(LoadedRun { run, hosts, egress, secrets, redactor, steps, waited, child_runs })
}

/// Returns the steps of the run including the values that are stored elsewhere.
async fn load_steps(api: Option<&ApiServer>, assigned: &AssignedRun) -> Result<Vec<StepStatus>, LoadError> {
    let mut steps = assigned.steps.clone();
    for (slot, reference) in missing_values(&steps) {
        let value = fetch(api, &assigned.uid, &reference).await.map_err(|source| {
            let (ValueLocation::StepOutput { step } | ValueLocation::ItemBatch { step, .. }) = slot.clone();
            LoadError::Output { step, source }
        })?;
        insert_value(&mut steps, &slot, value);
    }
    Ok(steps)
}

/// Returns the sub-runs that the steps wait for and that have ended or been deleted. Their watch starts later and would
/// not report a deletion that has already happened.
async fn load_child_runs<C: ClusterApi>(
    context: &RunnerContext<'_, C>,
    steps: &[StepStatus],
) -> Result<BTreeMap<String, SubRunOutcome>, LoadError> {
    let mut ended = BTreeMap::new();
    for name in domain::run::awaited_sub_runs(steps) {
        match retry(READ_RETRY_POLICY, "read a sub-run", || context.cluster.run(&name)).await? {
            None => drop(ended.insert(name, SubRunOutcome::NotFound)),
            Some(run) if is_final(&run) => {
                ended.insert(name, child_runs::result(context.api, run).await);
            }
            Some(_) => {}
        }
    }
    Ok(ended)
}

impl LoadError {
    /// Returns the result of a run that no pod can execute, or `None` if another pod may succeed.
    pub(super) fn finish(&self) -> Option<FinishRun> {
        let (kind, code) = match self {
            Self::Invalid { .. } => (ErrorKind::User, "WORKFLOW_INVALID"),
            Self::Input { .. } => (ErrorKind::Schema, "INPUT_INVALID"),
            Self::Read(ReadError::Missing { .. } | ReadError::Malformed { .. }) => {
                (ErrorKind::Infra, "REVISION_UNREADABLE")
            }
            Self::Secret(SecretError::Missing { .. }) => (ErrorKind::User, "SECRET_MISSING"),
            Self::Output { source, .. } if source.is_final() => (ErrorKind::Infra, source.code()),
            Self::Read(_) | Self::Secret(_) | Self::Redact(_) | Self::Output { .. } => return None,
        };
        let step = match self {
            Self::Output { step, .. } => Some(step.clone()),
            Self::Read(_) | Self::Invalid { .. } | Self::Input { .. } | Self::Secret(_) | Self::Redact(_) => {
                None
            }
        };
        let error = RunError { step, kind, code: code.to_owned(), message: chain(self) };
        Some(FinishRun { phase: RunPhase::Failed, output: None, error: Some(error) })
    }
}

/// Returns the problems as one line.
fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    lines.join("; ")
}
