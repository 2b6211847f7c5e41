//! What a run needs before its first step: its workflow's revision, and what the operator says of the tenant.

use std::time::Duration;

use crds::{
    run::{RunError, RunPhase},
    workflow::ErrorKind,
};
use domain::{
    egress::Egress,
    hosts::{self, Hosts},
    run::{Facts, Finish, Run},
    workflow::{Environment, Problem, validate},
};
use tokio::time::{Instant, sleep};
use tracing::warn;

use crate::{
    chain::chain,
    run::held::Held,
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
}

/// Why a run cannot be executed by anyone.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("failed to run revision {revision}: {}", list(problems))]
    Invalid { revision: String, problems: Vec<Problem> },
}

pub(super) async fn load(store: &impl Store, held: &Held, python_image: &str) -> Result<Loaded, LoadError> {
    let (revision, tenant) =
        tokio::try_join!(patiently(|| store.revision(&held.revision)), patiently(|| store.tenant()))?;
    let workflow = validate(&revision.spec, &Environment::default())
        .map_err(|problems| LoadError::Invalid { revision: held.revision.clone(), problems })?;
    let Tenant { name, settings, egress } = tenant;
    let facts = Facts {
        input: held.input.clone(),
        run_id: held.uid.clone(),
        run_name: held.name.clone(),
        created_at: held.created_at.to_string(),
        workflow: revision.workflow,
        tenant: name,
        tenant_settings: settings,
        ..Facts::default()
    };
    let hosts = hosts::hosts(&revision.spec, python_image);
    Ok(Loaded { run: Run::new(workflow, facts, held.started_at, Duration::ZERO), hosts, egress })
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
            Self::Read(_) => return None,
        };
        let error = RunError { step: None, kind, code: code.to_owned(), message: chain(self) };
        Some(Finish { phase: RunPhase::Failed, output: None, error: Some(error) })
    }
}

fn list(problems: &[Problem]) -> String {
    let lines: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    lines.join("; ")
}
