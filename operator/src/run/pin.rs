//! Before a run asks for a slot: which revision it runs, and whether its input fits it.

use std::sync::Arc;

use crds::{
    Workflow, conditions,
    constants::MAX_VALUE_DEPTH,
    nesting::is_deeper_than,
    workflow::{ErrorKind, WorkflowState},
};
use domain::{
    schema::describe_violations,
    workflow::{ValidWorkflow, ValidationContext, validate},
};
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use serde_json::Value;

use super::{decide::End, revisions::Revision, secrets, see::Seen};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
    watch::kicks::Kick,
    workflow::secrets::is_of_a_secret,
};

/// The run's name is a label of its Job and pods.
const MAX_NAME: usize = 63;

/// What came of it.
pub(super) enum Pin {
    /// It can run as this revision.
    Pinned(Arc<Revision>),
    /// It never can.
    Refused(End),
    /// Its workflow has just been changed, and is being checked.
    NotYet,
}

/// Pins a run. No pod is made for a run that is refused here.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn pin(ctx: &Context, seen: &Seen) -> Result<Pin, Error> {
    if seen.name.len() > MAX_NAME {
        let message = format!("the run's name has {} characters; the limit is {MAX_NAME}", seen.name.len());
        return Ok(Pin::Refused(End::failed(ErrorKind::User, "NAME_TOO_LONG", message)));
    }
    let revision = match (seen.status().revision, &seen.revision) {
        (Some(_), Some(revision)) => Arc::clone(revision),
        (Some(gone), None) => return Ok(Pin::Refused(revision_gone(&gone.name))),
        (None, _) => match current(ctx, seen).await? {
            Current::Revision(name) => match ctx.revisions.get(&ctx.client, &seen.namespace, &name).await? {
                Some(revision) => revision,
                None => return Ok(Pin::NotYet),
            },
            Current::Refused(end) => return Ok(Pin::Refused(end)),
            Current::NotYet => return Ok(Pin::NotYet),
        },
    };
    Ok(check(seen, revision))
}

enum Current {
    Revision(String),
    Refused(End),
    NotYet,
}

async fn current(ctx: &Context, seen: &Seen) -> Result<Current, Error> {
    let name = &seen.run.spec.workflow_ref.name;
    let key = ObjectRef::new(name).within(&seen.namespace);
    let workflow = match ctx.stores.workflows.get(&key) {
        Some(workflow) => Some(workflow),
        // Applied in one go with its run, it may not have come by its watch yet.
        None => api::get(&within::<Workflow>(&ctx.client, &seen.namespace), name).await?.map(Arc::new),
    };
    let Some(workflow) = workflow else {
        let message = format!("there is no Workflow {name} in namespace {}", seen.namespace);
        return Ok(Current::Refused(End::failed(ErrorKind::User, "WORKFLOW_NOT_FOUND", message)));
    };
    Ok(match judge(&workflow) {
        Judged::Valid(revision) => Current::Revision(revision),
        Judged::Refused(end) => Current::Refused(end),
        Judged::LacksSecrets => without_secrets(ctx, seen, &workflow).await?,
        Judged::NotYet => Current::NotYet,
    })
}

/// What a workflow's status says of it.
#[derive(Debug, PartialEq)]
enum Judged {
    /// As this revision.
    Valid(String),
    /// No run of it can start.
    Refused(End),
    /// No run of it can start unless its Secrets have come since.
    LacksSecrets,
    /// It has just been changed.
    NotYet,
}

fn judge(workflow: &Workflow) -> Judged {
    let name = workflow.name_any();
    if workflow.spec.state == Some(WorkflowState::Archived) {
        let message = format!("Workflow {name} is archived: no new run starts");
        return Judged::Refused(End::failed(ErrorKind::User, "WORKFLOW_ARCHIVED", message));
    }
    let Some(status) = &workflow.status else { return Judged::NotYet };
    let valid = conditions::get(&status.conditions, conditions::VALID);
    if status.observed_generation != workflow.metadata.generation || valid.is_none() {
        return Judged::NotYet;
    }
    if let Some(revision) = &status.revision {
        return Judged::Valid(revision.name.clone());
    }
    let mut problems = status.problems.iter();
    if !status.problems.is_empty() && problems.all(|problem| is_of_a_secret(&problem.code)) {
        return Judged::LacksSecrets;
    }
    let why = valid.map(|valid| valid.message.clone()).unwrap_or_default();
    let message = format!("Workflow {name} is not valid: {why}");
    Judged::Refused(End::failed(ErrorKind::User, "WORKFLOW_INVALID", message))
}

/// A run of a workflow whose Secrets were taken away fails alike whether the workflow was looked at since or not.
async fn without_secrets(ctx: &Context, seen: &Seen, workflow: &Workflow) -> Result<Current, Error> {
    // Without an eye on Secrets it is valid: nothing else is wrong with it.
    let valid = validate(&workflow.spec, &ValidationContext::default());
    if let Some(end) = valid.ok().and_then(|valid| unfit_input(seen, &valid)) {
        return Ok(Current::Refused(end));
    }
    if let Some(end) = secrets::missing(ctx, &seen.namespace, &workflow.spec).await? {
        return Ok(Current::Refused(end));
    }
    // They have come since: the workflow calls its runs when it has seen that.
    ctx.kicks.send(Kick::Workflow(ObjectRef::from_obj(workflow))).await;
    Ok(Current::NotYet)
}

fn revision_gone(name: &str) -> End {
    End::failed(ErrorKind::Infra, "REVISION_GONE", format!("the workflow's revision {name} is gone"))
}

fn check(seen: &Seen, revision: Arc<Revision>) -> Pin {
    let valid = match &revision.valid {
        Ok(valid) => valid,
        Err(problems) => {
            let first = problems.first().map(|problem| format!("{}: {}", problem.path, problem.message));
            let message = format!("revision {} is not valid: {}", revision.name, first.unwrap_or_default());
            return Pin::Refused(End::failed(ErrorKind::User, "WORKFLOW_INVALID", message));
        }
    };
    match unfit_input(seen, valid) {
        None => Pin::Pinned(revision),
        Some(end) => Pin::Refused(end),
    }
}

/// Why a run's input cannot be kept, or does not fit its workflow's schema.
fn unfit_input(seen: &Seen, valid: &ValidWorkflow) -> Option<End> {
    let input = seen.run.spec.input.as_ref().unwrap_or(&Value::Null);
    if is_deeper_than(input, MAX_VALUE_DEPTH) {
        let message =
            format!("the input has more than {MAX_VALUE_DEPTH} lists and objects within each other");
        return Some(End::failed(ErrorKind::User, "INPUT_TOO_DEEP", message));
    }
    let violations = valid.check_input(input).err()?;
    let message = format!("the input breaks the workflow's schema: {}", describe_violations(&violations));
    Some(End::failed(ErrorKind::Schema, "INPUT_INVALID", message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(status: &str) -> Judged {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Workflow, metadata: {{name: intake, generation: 2}}, \
             spec: {{steps: []}}, status: {{conditions: [{{type: Valid, status: 'False', reason: Invalid, message: no, \
             lastTransitionTime: '2026-11-24T08:00:00Z'}}], {status}}}}}"
        );
        judge(&serde_yaml::from_str(&text).unwrap())
    }

    /// A run starts as a workflow was before its last change; or fails by another name because somebody has seen in the
    /// meantime what is wrong.
    #[test]
    fn a_secret_is_no_mistake_of_the_workflow() {
        let of = |codes: &[&str]| {
            let problems: Vec<_> =
                codes.iter().map(|code| format!("{{path: spec, code: {code}, message: no}}")).collect();
            judged(&format!("observedGeneration: 2, problems: [{}]", problems.join(", ")))
        };
        assert_eq!(of(&["MissingSecret", "MissingSecretKey", "SecretNotLabelled"]), Judged::LacksSecrets);
        let invalid = |judged: Judged| match judged {
            Judged::Refused(end) => end.error.map(|error| error.code),
            other => panic!("{other:?}"),
        };
        assert_eq!(invalid(of(&["MissingSecret", "UnknownStep"])), Some("WORKFLOW_INVALID".to_owned()));
        assert_eq!(invalid(of(&[])), Some("WORKFLOW_INVALID".to_owned()));
        assert_eq!(judged("observedGeneration: 1, revision: {name: intake-1}"), Judged::NotYet);
        let valid = judged("observedGeneration: 2, revision: {name: intake-2}");
        assert_eq!(valid, Judged::Valid("intake-2".to_owned()));
    }
}
