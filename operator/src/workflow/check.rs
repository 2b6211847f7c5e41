//! Check of a workflow against its environment. The revision of a valid workflow is stored.

use std::time::Duration;

use crds::{
    Tenant, Workflow,
    workflow::{Problem, RevisionRef},
};
use domain::workflow::validate;
use kube::ResourceExt as _;

use super::{environment, revision};
use crate::{context::Context, errors::Error, secrets::is_secret_problem};

/// Interval at which a workflow with a missing Secret is checked again. Secrets are not watched, since a client that may
/// watch them may read all of them.
const MISSING_SECRET_CHECK_INTERVAL: Duration = Duration::from_secs(15);
/// Interval at which a workflow whose Secrets exist is checked again. A run checks its Secrets itself before it starts.
const SECRET_CHECK_INTERVAL: Duration = Duration::from_secs(300);

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
pub(super) async fn check(ctx: &Context, workflow: &Workflow, tenant: &Tenant) -> Result<Validity, Error> {
    let environment = environment::read(ctx, workflow).await?;
    match validate(&workflow.spec, &environment) {
        Ok(_) => Ok(Validity::Valid(revision::ensure(&ctx.client, workflow, &tenant.name_any()).await?)),
        Err(problems) => Ok(Validity::Invalid(problems.into_iter().map(Into::into).collect())),
    }
}

/// Returns the interval after which a workflow that names Secrets is checked again.
pub(super) fn recheck_interval(workflow: &Workflow, validity: &Validity) -> Option<Duration> {
    match validity {
        Validity::Valid(_) => (!workflow.spec.secrets.is_empty()).then_some(SECRET_CHECK_INTERVAL),
        Validity::Invalid(problems) => problems
            .iter()
            .any(|problem| is_secret_problem(&problem.code))
            .then_some(MISSING_SECRET_CHECK_INTERVAL),
        Validity::NoTenant => None,
    }
}
