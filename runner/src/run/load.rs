//! What a run needs before its first step: its workflow's revision, and what the operator says of the tenant.

use std::{collections::BTreeMap, time::Duration};

use crds::{
    run::{OutputRef, RunError, RunPhase, StepStatus},
    workflow::ErrorKind,
};
use domain::{
    egress::Egress,
    hosts::{self, Hosts},
    run::{Child, Facts, Finish, Run, Slot, fill, missing},
    workflow::{Problem, ValidationContext, validate},
};
use serde_json::Value;
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    api::{ApiServer, FetchError},
    chain::chain,
    run::{Setting, children, held::Held},
    secrets::{self, RedactError, Redactor, SecretError, Secrets},
    store::{ReadError, Store, Tenant},
};

/// Longer than a restart of the API server takes.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// A run with all it needs.
pub(super) struct Loaded {
    pub(super) run: Run,
    pub(super) hosts: Hosts,
    pub(super) egress: Egress,
    pub(super) secrets: Secrets,
    pub(super) redactor: Redactor,
    /// The run's steps with all their values.
    pub(super) steps: Vec<StepStatus>,
    /// For how long it has waited for people and times.
    pub(super) waited: Duration,
    /// The sub-runs that it waits for and that have ended.
    pub(super) children: BTreeMap<String, Child>,
}

/// Why a run cannot be executed by anyone.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("failed to run revision {revision}: {}", list(problems))]
    Invalid { revision: String, problems: Vec<Problem> },
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

pub(super) async fn load<S: Store>(setting: &Setting<'_, S>, held: &Held) -> Result<Loaded, LoadError> {
    let store = setting.store;
    let (revision, tenant) =
        tokio::try_join!(patiently(|| store.revision(&held.revision)), patiently(|| store.tenant()))?;
    let workflow = validate(&revision.spec, &ValidationContext::default())
        .map_err(|problems| LoadError::Invalid { revision: held.revision.clone(), problems })?;
    let secrets = secrets::load(setting.secrets, &revision.spec.secrets).await?;
    let redactor = Redactor::new(&secrets)?;
    let steps = steps(setting.api, held).await?;
    let children = children(setting, &steps).await?;
    let Tenant { name, settings, egress } = tenant;
    let facts = Facts {
        input: held.input.clone(),
        run_id: held.uid.clone(),
        run_name: held.name.clone(),
        created_at: held.created_at.to_string(),
        workflow: revision.workflow,
        tenant: name,
        tenant_settings: settings,
        secrets: secrets.clone(),
        depth: held.depth,
    };
    let hosts = hosts::hosts(&revision.spec, setting.python_image);
    let waited = held.waited_until(telemetry::clock::now());
    let run = Run::new(workflow, facts, held.started_at, waited);
    Ok(Loaded { run, hosts, egress, secrets, redactor, steps, waited, children })
}

/// The steps with the values that are stored elsewhere.
async fn steps(api: Option<&ApiServer>, held: &Held) -> Result<Vec<StepStatus>, LoadError> {
    let mut steps = held.steps.clone();
    for (slot, reference) in missing(&steps) {
        let value = fetch(api, &held.uid, &reference).await.map_err(|source| {
            let (Slot::Output { step } | Slot::Batch { step, .. }) = slot.clone();
            LoadError::Output { step, source }
        })?;
        fill(&mut steps, &slot, value);
    }
    Ok(steps)
}

/// Reads a stored value.
pub(super) async fn fetch(
    api: Option<&ApiServer>,
    run_uid: &str,
    reference: &OutputRef,
) -> Result<Value, FetchError> {
    match api {
        Some(api) => api.fetch(run_uid, reference).await,
        None => Err(FetchError::Gone {
            uri: reference.uri.clone(),
            reason: "this runner knows no api-server to ask for it".to_owned(),
        }),
    }
}

/// Asks for the sub-runs that are waited for: an end that nobody has heard of would be waited for in vain.
async fn children<S: Store>(
    setting: &Setting<'_, S>,
    steps: &[StepStatus],
) -> Result<BTreeMap<String, Child>, LoadError> {
    let mut ended = BTreeMap::new();
    for name in domain::run::children(steps) {
        match patiently(|| setting.store.run(&name)).await? {
            None => drop(ended.insert(name, Child::Gone)),
            Some(run) if children::is_final(&run) => {
                ended.insert(name, children::child(setting.api, run).await);
            }
            Some(_) => {}
        }
    }
    Ok(ended)
}

/// Tries again while another try may help.
pub(super) async fn patiently<T, F>(read: impl Fn() -> F) -> Result<T, ReadError>
where
    F: Future<Output = Result<T, ReadError>>,
{
    let until = Instant::now() + PATIENCE;
    loop {
        match read().await {
            Err(error) if error.is_transient() && Instant::now() < until => {
                warn!(error = %chain(&error), "trying to read again");
                sleep(PAUSE).await;
            }
            read => return read,
        }
    }
}

impl LoadError {
    /// The end of a run that cannot be executed; `None` if another runner may be luckier.
    pub(super) fn finish(&self) -> Option<Finish> {
        let (kind, code) = match self {
            Self::Invalid { .. } => (ErrorKind::User, "WORKFLOW_INVALID"),
            Self::Read(ReadError::Missing { .. } | ReadError::Malformed { .. }) => {
                (ErrorKind::Infra, "REVISION_UNREADABLE")
            }
            Self::Secret(SecretError::Missing { .. }) => (ErrorKind::User, "SECRET_MISSING"),
            Self::Output { source, .. } if source.is_final() => (ErrorKind::Infra, source.code()),
            Self::Read(_) | Self::Secret(_) | Self::Redact(_) | Self::Output { .. } => return None,
        };
        let step = match self {
            Self::Output { step, .. } => Some(step.clone()),
            Self::Read(_) | Self::Invalid { .. } | Self::Secret(_) | Self::Redact(_) => None,
        };
        let error = RunError { step, kind, code: code.to_owned(), message: chain(self) };
        Some(Finish { phase: RunPhase::Failed, output: None, error: Some(error) })
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    lines.join("; ")
}
