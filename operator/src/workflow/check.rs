//! Check of a workflow against its environment. The revision of a valid workflow is stored.

use std::time::Duration;

use crds::{
    Tenant, Workflow,
    workflow::{Problem, RevisionRef},
};
use domain::workflow::{self, ValidationContext, is_unchecked, validate, warnings};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{environment, revision};
use crate::{
    api::FullObject,
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

/// Result of a check.
pub(super) struct Checked {
    pub(super) validity: Validity,
    pub(super) warnings: Vec<Problem>,
    /// Hash of everything that the validity depends on, if the workflow was validated now.
    pub(super) fingerprint: Option<u64>,
}

/// Validates a workflow of a tenant, and stores its revision if it is valid. A workflow that was validated before in the
/// same environment is not read again. Returns `None` if the workflow was changed or deleted meanwhile.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn check(
    ctx: &Context,
    workflow: &Workflow,
    tenant: &Tenant,
    now: Timestamp,
) -> Result<Option<Checked>, Error> {
    let environment = environment::read(ctx, workflow, tenant).await?;
    let fingerprint = environment.fingerprint;
    if ctx.validations.is_current(&workflow.uid().unwrap_or_default(), fingerprint, now)
        && let Some(validity) = recorded(workflow)
    {
        let warnings = workflow.status.iter().flat_map(|status| status.warnings.clone()).collect();
        return Ok(Some(Checked { validity, warnings, fingerprint: None }));
    }
    let namespace = workflow.namespace().unwrap_or_default();
    let context = environment.into_context(ctx, &namespace).await?;
    let (validity, warnings) = match read_full(ctx, workflow).await {
        Ok(Some(full)) => validate_full(ctx, full, context, tenant).await?,
        Ok(None) => return Ok(None),
        Err(error @ Error::TooMuchMemory { .. }) => {
            ctx.metrics.count_refused_object("workflow");
            (invalid(vec![workflow::Problem::too_large(&chain(&error))]), Vec::new())
        }
        Err(error) => return Err(error),
    };
    let warnings = warnings.into_iter().map(Into::into).collect();
    Ok(Some(Checked { validity, warnings, fingerprint: Some(fingerprint) }))
}

/// Validates a workflow with all of its fields, and stores its revision if it is valid. Returns its warnings, too.
async fn validate_full(
    ctx: &Context,
    full: FullObject<Workflow>,
    context: ValidationContext,
    tenant: &Tenant,
) -> Result<(Validity, Vec<workflow::Problem>), Error> {
    let namespace = full.namespace().unwrap_or_default();
    let validate = move |full: &mut Workflow| (validate(&full.spec, &context).err(), warnings(&full.spec));
    match full.compute(&ctx.compute, &namespace, validate).await {
        Ok(((None, warnings), full)) => {
            let revision = revision::ensure(&ctx.client, &full, &tenant.name_any()).await?;
            Ok((Validity::Valid(revision), warnings))
        }
        Ok(((Some(problems), warnings), _)) => Ok((invalid(problems), warnings)),
        Err(error) if error.is_transient() => Err(Error::compute("check a workflow")(error)),
        Err(error) => Ok((invalid(vec![workflow::Problem::not_checked(&chain(&error))]), Vec::new())),
    }
}

fn invalid(problems: Vec<workflow::Problem>) -> Validity {
    Validity::Invalid(problems.into_iter().map(Into::into).collect())
}

/// Returns the validity that the status of a workflow records for its current generation.
fn recorded(workflow: &Workflow) -> Option<Validity> {
    let status = workflow.status.as_ref()?;
    (status.observed_generation == workflow.metadata.generation).then_some(())?;
    match &status.revision {
        Some(revision) => Some(Validity::Valid(revision.clone())),
        None => (!status.problems.is_empty()).then(|| Validity::Invalid(status.problems.clone())),
    }
}

/// Reads a workflow with all of its fields. Returns `None` if it was changed or deleted since the watch delivered it.
///
/// # Errors
/// Returns an error if the spec takes too much memory, or if the API server cannot be reached or refuses the request.
pub(super) async fn read_full(
    ctx: &Context,
    workflow: &Workflow,
) -> Result<Option<FullObject<Workflow>>, Error> {
    let namespace = workflow.namespace().unwrap_or_default();
    let full = ctx.full.workflow(&namespace, &workflow.name_any()).await?;
    Ok(full.filter(|full| {
        (&full.metadata.uid, full.metadata.generation)
            == (&workflow.metadata.uid, workflow.metadata.generation)
    }))
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
