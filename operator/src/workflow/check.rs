//! Check of a workflow against its environment. The revision of a valid workflow is stored.

use std::{sync::Arc, time::Duration};

use crds::{
    Tenant, Workflow,
    workflow::{Problem, RevisionRef},
};
use domain::workflow::{self, is_unchecked, validate};
use kube::ResourceExt as _;

use super::{environment, revision};
use crate::{
    context::Context,
    errors::{Error, chain},
    secrets::is_secret_problem,
};

/// Interval at which a workflow with a missing Secret is checked again. Secrets are not watched, since a client that may
/// watch them may read all of them.
const MISSING_SECRET_CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// Interval at which a workflow whose Secrets exist is checked again. A run checks its Secrets itself before it starts.
const SECRET_CHECK_INTERVAL: Duration = Duration::from_secs(300);
/// Interval at which a workflow is checked again whose check took too long or failed. Each check may take the tenant's thread
/// for some seconds.
const UNCHECKED_CHECK_INTERVAL: Duration = Duration::from_secs(600);

/// Whether new runs of a workflow can start.
pub(super) enum Validity {
    /// New runs execute this revision.
    Valid(RevisionRef),
    /// The workflow has these problems.
    Invalid(Vec<Problem>),
    /// The workflow's namespace does not belong to a tenant (yet).
    NoTenant,
}

impl Validity {
    /// Returns the revision that new runs execute.
    pub(super) fn revision(&self) -> Option<&RevisionRef> {
        match self {
            Self::Valid(revision) => Some(revision),
            Self::Invalid(_) | Self::NoTenant => None,
        }
    }
}

/// Validates a workflow of a tenant, and stores its revision if it is valid.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn check(
    ctx: &Context,
    workflow: &Arc<Workflow>,
    tenant: &Tenant,
) -> Result<Validity, Error> {
    let environment = environment::read(ctx, workflow, tenant).await?;
    let namespace = workflow.namespace().unwrap_or_default();
    let checked = Arc::clone(workflow);
    let validated = ctx.compute.run(&namespace, move || validate(&checked.spec, &environment).err()).await;
    let problems = match validated {
        Ok(None) => {
            let revision = revision::ensure(&ctx.client, workflow, &tenant.name_any()).await?;
            return Ok(Validity::Valid(revision));
        }
        Ok(Some(problems)) => problems,
        Err(error) if error.is_transient() => return Err(Error::compute("check a workflow")(error)),
        Err(error) => vec![workflow::Problem::not_checked(&chain(&error))],
    };
    Ok(Validity::Invalid(problems.into_iter().map(Into::into).collect()))
}

/// Returns the interval after which a workflow that names Secrets is checked again.
pub(super) fn recheck_interval(workflow: &Workflow, validity: &Validity) -> Option<Duration> {
    match validity {
        Validity::Valid(_) => (!workflow.spec.secrets.is_empty()).then_some(SECRET_CHECK_INTERVAL),
        Validity::Invalid(problems) if problems.iter().any(|problem| is_secret_problem(&problem.code)) => {
            Some(MISSING_SECRET_CHECK_INTERVAL)
        }
        Validity::Invalid(problems) => {
            problems.iter().any(|problem| is_unchecked(&problem.code)).then_some(UNCHECKED_CHECK_INTERVAL)
        }
        Validity::NoTenant => None,
    }
}
