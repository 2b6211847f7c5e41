//! Pinning: which revision of its workflow a run executes, and whether its input fits that revision.

use std::{sync::Arc, time::Duration};

use crds::{
    Workflow, WorkflowRun, conditions,
    run::{QueueReason, QueueStatus},
    workflow::{ErrorKind, WorkflowState},
};
use domain::workflow::{ValidWorkflow, ValidationContext, validate};
use kube::{
    ResourceExt as _,
    runtime::{controller::Action, reflector::ObjectRef},
};

use super::{
    super::{
        apply::write_queued,
        decide::End,
        observe::Snapshot,
        stage::{Exit, Stage, retry_after},
    },
    admitted::Pinned,
    input::{complete_input, read_full},
    secrets,
};
use crate::{
    api::{self, within},
    context::Context,
    errors::{Error, chain},
    secrets::{is_secret_problem, secret_facts, secret_problems},
    state::Revision,
    watch::ReconcileRequest,
};

/// Maximum length of a run's name, which is a label of its Job and pods.
const MAX_NAME_LENGTH: usize = 63;
/// Interval at which a run whose workflow is being validated is reconciled. A change of the workflow requests
/// the same reconcile; this interval covers a change that the watch does not deliver.
const VALIDATION_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Result of pinning a run.
enum Pinning {
    /// The run can execute this revision.
    Pinned(Pinned),
    /// The run can never start.
    Rejected(End),
    /// The workflow was changed and is being validated, or its revision is being stored again.
    NotValidated,
    /// The run was deleted.
    Deleted,
}

/// Pins a run, also one that holds a slot already: it may have no pod yet, and its workflow may have been edited since. A run
/// that is rejected here gets no further pod.
///
/// # Errors
/// Returns an exit if the run can never start, if its workflow is being validated, or if the API server cannot be
/// reached.
pub(super) async fn pin(ctx: &Context, snapshot: &Snapshot) -> Stage<Pinned> {
    match pinning(ctx, snapshot).await? {
        Pinning::Pinned(pinned) => Ok(pinned),
        Pinning::Rejected(end) => Err(end.into()),
        Pinning::NotValidated => Err(await_validation(ctx, snapshot).await),
        Pinning::Deleted => Err(Exit::Done(Action::await_change())),
    }
}

async fn await_validation(ctx: &Context, snapshot: &Snapshot) -> Exit {
    let message = format!("workflow {} is being validated", snapshot.run.spec.workflow_ref.name);
    let queue = QueueStatus::new(QueueReason::WorkflowNotValidated, message);
    match write_queued(&ctx.client, snapshot, None, &queue).await {
        Ok(()) => retry_after(VALIDATION_CHECK_INTERVAL),
        Err(error) => error.into(),
    }
}

async fn pinning(ctx: &Context, snapshot: &Snapshot) -> Result<Pinning, Error> {
    if snapshot.name.len() > MAX_NAME_LENGTH {
        let length = snapshot.name.len();
        let message = format!("the run's name has {length} characters; the limit is {MAX_NAME_LENGTH}");
        return Ok(Pinning::Rejected(End::failed(ErrorKind::User, "NAME_TOO_LONG", message)));
    }
    let pinned = snapshot.run.status.as_ref().and_then(|status| status.revision.as_ref());
    let revision = match (pinned, &snapshot.revision) {
        (Some(_), Some(revision)) => Arc::clone(revision),
        (Some(deleted), None) => {
            let message = format!("the workflow's revision {} was deleted", deleted.name);
            return Ok(Pinning::Rejected(End::failed(ErrorKind::Infra, "REVISION_GONE", message)));
        }
        (None, _) => match current_revision(ctx, snapshot).await? {
            Verdict::Valid(name) => match ctx.revisions.get(&ctx.full, &snapshot.namespace, &name).await? {
                Some(revision) => revision,
                None => {
                    store_revision_again(ctx, snapshot).await;
                    return Ok(Pinning::NotValidated);
                }
            },
            Verdict::Rejected(end) => return Ok(Pinning::Rejected(end)),
            Verdict::LacksSecrets | Verdict::NotValidated => return Ok(Pinning::NotValidated),
            Verdict::RunDeleted => return Ok(Pinning::Deleted),
        },
    };
    let checked = match valid_workflow(&revision) {
        // The input was checked when the run was pinned to the revision. Both are immutable.
        Ok(_) if pinned.is_some() => Ok(()),
        Ok(valid) => match check_full_input(ctx, snapshot, valid.clone()).await? {
            Some(checked) => checked,
            None => return Ok(Pinning::Deleted),
        },
        Err(end) => Err(end),
    };
    Ok(match checked {
        Ok(()) => Pinning::Pinned(Pinned { revision }),
        Err(end) => Pinning::Rejected(end),
    })
}

/// Requests that the current revision of a run's workflow, which somebody has deleted, is stored again.
async fn store_revision_again(ctx: &Context, snapshot: &Snapshot) {
    let key = ObjectRef::<Workflow>::new(&snapshot.run.spec.workflow_ref.name).within(&snapshot.namespace);
    if let Some(uid) = ctx.stores.workflows.get(&key).and_then(|workflow| workflow.uid()) {
        ctx.validations.forget(&uid);
    }
    ctx.requests.send(ReconcileRequest::Workflow(key)).await;
}

async fn current_revision(ctx: &Context, snapshot: &Snapshot) -> Result<Verdict, Error> {
    let name = &snapshot.run.spec.workflow_ref.name;
    let key = ObjectRef::new(name).within(&snapshot.namespace);
    let workflow = match ctx.stores.workflows.get(&key) {
        Some(workflow) => Some(workflow),
        // If the workflow was applied together with its run, the watch may not have delivered it yet.
        None => api::get(&within::<Workflow>(&ctx.client, &snapshot.namespace), name).await?.map(Arc::new),
    };
    let Some(workflow) = workflow else {
        let message = format!("Workflow {name} does not exist in namespace {}", snapshot.namespace);
        return Ok(Verdict::Rejected(End::failed(ErrorKind::User, "WORKFLOW_NOT_FOUND", message)));
    };
    match verdict(&workflow) {
        Verdict::LacksSecrets => check_secrets_now(ctx, snapshot, &workflow).await,
        verdict => Ok(verdict),
    }
}

/// Whether new runs of a workflow can start, by the workflow's status.
#[derive(Debug, PartialEq)]
enum Verdict {
    /// New runs execute the revision of this name.
    Valid(String),
    /// New runs are rejected.
    Rejected(End),
    /// New runs are rejected unless the missing Secrets were created since the workflow was validated.
    LacksSecrets,
    /// The workflow was changed and is being validated.
    NotValidated,
    /// The run was deleted.
    RunDeleted,
}

fn verdict(workflow: &Workflow) -> Verdict {
    let name = workflow.name_any();
    if workflow.spec.state == Some(WorkflowState::Archived) {
        let message = format!("Workflow {name} is archived: no new runs are started");
        return Verdict::Rejected(End::failed(ErrorKind::User, "WORKFLOW_ARCHIVED", message));
    }
    let Some(status) = &workflow.status else { return Verdict::NotValidated };
    let valid = conditions::get(&status.conditions, conditions::VALID);
    let is_unknown = valid.is_none_or(|valid| valid.status == conditions::UNKNOWN);
    if status.observed_generation != workflow.metadata.generation || is_unknown {
        return Verdict::NotValidated;
    }
    if let Some(revision) = &status.revision {
        return Verdict::Valid(revision.name.clone());
    }
    let mut problems = status.problems.iter();
    if !status.problems.is_empty() && problems.all(|problem| is_secret_problem(&problem.code)) {
        return Verdict::LacksSecrets;
    }
    let problem = valid.map(|valid| valid.message.clone()).unwrap_or_default();
    let message = format!("Workflow {name} is not valid: {problem}");
    Verdict::Rejected(End::failed(ErrorKind::User, "WORKFLOW_INVALID", message))
}

/// Reads the Secrets again. A run whose Secrets are missing fails with the same error whether or not its workflow was
/// validated since they were deleted.
async fn check_secrets_now(
    ctx: &Context,
    snapshot: &Snapshot,
    workflow: &Workflow,
) -> Result<Verdict, Error> {
    let name = workflow.name_any();
    let secrets = secret_facts(&ctx.full, &snapshot.namespace, &workflow.spec).await?;
    let Some(full) = ctx.full.workflow(&snapshot.namespace, &name).await? else {
        return Ok(Verdict::NotValidated);
    };
    // Apart from its Secrets the workflow is valid: its status reports no other problem.
    let validate = |Workflow { spec, .. }: &mut Workflow| {
        (validate(spec, &ValidationContext::default()), secret_problems(spec, secrets))
    };
    let validated = full.compute(&ctx.compute, &snapshot.namespace, validate).await;
    let ((valid, problems), full) = validated.map_err(Error::compute("validate a workflow"))?;
    // The run is read next, and one object of a namespace is held at a time.
    drop(full);
    if let Ok(valid) = valid {
        match check_full_input(ctx, snapshot, valid).await? {
            Some(Ok(())) => {}
            Some(Err(end)) => return Ok(Verdict::Rejected(end)),
            None => return Ok(Verdict::RunDeleted),
        }
    }
    if let Some(end) = secrets::end(&problems) {
        return Ok(Verdict::Rejected(end));
    }
    // The missing Secrets were created meanwhile: when the workflow is validated again, its runs are
    // reconciled.
    ctx.requests.send(ReconcileRequest::Workflow(ObjectRef::from_obj(workflow))).await;
    Ok(Verdict::NotValidated)
}

fn valid_workflow(revision: &Revision) -> Result<&ValidWorkflow, End> {
    revision.valid.as_ref().map_err(|problems| {
        let first = problems.first().map(|problem| format!("{}: {}", problem.path, problem.message));
        let message = format!("revision {} is not valid: {}", revision.name, first.unwrap_or_default());
        End::failed(ErrorKind::User, "WORKFLOW_INVALID", message)
    })
}

/// Reads the input of a run and checks it. Returns the end of the run if the input is rejected, and `None` if the run was
/// deleted meanwhile.
///
/// # Errors
/// Returns an error if the run cannot be read, or if the tenant's thread is busy.
async fn check_full_input(
    ctx: &Context,
    snapshot: &Snapshot,
    workflow: ValidWorkflow,
) -> Result<Option<Result<(), End>>, Error> {
    let run = match read_full(ctx, snapshot).await {
        Ok(Some(run)) => run,
        Ok(None) => return Ok(None),
        Err(error @ Error::TooMuchMemory { .. }) => {
            ctx.metrics.count_refused_object("run");
            return Ok(Some(Err(End::failed(ErrorKind::User, "INPUT_TOO_LARGE", chain(&error)))));
        }
        Err(error) => return Err(error),
    };
    let check = move |run: &mut WorkflowRun| complete_input(run.spec.input.take(), &workflow).map(drop);
    match run.compute(&ctx.compute, &snapshot.namespace, check).await {
        Ok((checked, _)) => Ok(Some(checked)),
        Err(error) if error.is_transient() => Err(Error::compute("check the input of a run")(error)),
        Err(error) => {
            let reason = chain(&error);
            let message = format!("the input cannot be checked against the workflow's schema: {reason}");
            Ok(Some(Err(End::failed(ErrorKind::User, "INPUT_UNCHECKED", message))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_on(status: &str) -> Verdict {
        verdict_of("False", status)
    }

    fn verdict_of(valid: &str, status: &str) -> Verdict {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Workflow, metadata: {{name: intake, generation: 2}}, \
             spec: {{steps: []}}, status: {{conditions: [{{type: Valid, status: '{valid}', reason: Invalid, message: no, \
             lastTransitionTime: '2026-11-24T08:00:00Z'}}], {status}}}}}"
        );
        verdict(&serde_yaml::from_str(&text).unwrap())
    }

    /// A workflow whose only problems are missing Secrets is not called invalid, and an outdated status is not used.
    #[test]
    fn missing_secrets_do_not_make_a_workflow_invalid() {
        let with_problems = |codes: &[&str]| {
            let problems: Vec<_> =
                codes.iter().map(|code| format!("{{path: spec, code: {code}, message: no}}")).collect();
            verdict_on(&format!("observedGeneration: 2, problems: [{}]", problems.join(", ")))
        };
        let secrets = ["MissingSecret", "MissingSecretKey", "SecretNotLabelled"];
        assert_eq!(with_problems(&secrets), Verdict::LacksSecrets);
        let code = |verdict: Verdict| match verdict {
            Verdict::Rejected(end) => end.error.map(|error| error.code),
            other => panic!("{other:?}"),
        };
        let invalid = with_problems(&["MissingSecret", "UnknownStep"]);
        assert_eq!(code(invalid), Some("WORKFLOW_INVALID".to_owned()));
        assert_eq!(code(with_problems(&[])), Some("WORKFLOW_INVALID".to_owned()));
        assert_eq!(verdict_on("observedGeneration: 1, revision: {name: intake-1}"), Verdict::NotValidated);
        let valid = verdict_on("observedGeneration: 2, revision: {name: intake-2}");
        assert_eq!(valid, Verdict::Valid("intake-2".to_owned()));
        let unknown = verdict_of("Unknown", "observedGeneration: 2");
        assert_eq!(unknown, Verdict::NotValidated, "the workflow had no tenant when it was reconciled");
    }
}
