//! Before a run asks for a slot: which revision it runs, and whether its input fits it.

use std::sync::Arc;

use crds::{
    Workflow, conditions,
    workflow::{ErrorKind, WorkflowState},
};
use domain::schema::message;
use kube::{ResourceExt as _, runtime::reflector::ObjectRef};
use serde_json::Value;

use super::{decide::End, revisions::Revision, see::Seen};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
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
    Ok(match workflow {
        Some(workflow) => judge(&workflow),
        None => {
            let message = format!("there is no Workflow {name} in namespace {}", seen.namespace);
            Current::Refused(End::failed(ErrorKind::User, "WORKFLOW_NOT_FOUND", message))
        }
    })
}

fn judge(workflow: &Workflow) -> Current {
    let name = workflow.name_any();
    if workflow.spec.state == Some(WorkflowState::Archived) {
        let message = format!("Workflow {name} is archived: no new run starts");
        return Current::Refused(End::failed(ErrorKind::User, "WORKFLOW_ARCHIVED", message));
    }
    let Some(status) = &workflow.status else { return Current::NotYet };
    let valid = conditions::get(&status.conditions, conditions::VALID);
    if status.observed_generation != workflow.metadata.generation || valid.is_none() {
        return Current::NotYet;
    }
    match &status.revision {
        Some(revision) => Current::Revision(revision.name.clone()),
        None => {
            let why = valid.map(|valid| valid.message.clone()).unwrap_or_default();
            let message = format!("Workflow {name} is not valid: {why}");
            Current::Refused(End::failed(ErrorKind::User, "WORKFLOW_INVALID", message))
        }
    }
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
    match valid.check_input(seen.run.spec.input.as_ref().unwrap_or(&Value::Null)) {
        Ok(()) => Pin::Pinned(revision),
        Err(violations) => {
            let message = format!("the input breaks the workflow's schema: {}", message(&violations));
            Pin::Refused(End::failed(ErrorKind::Schema, "INPUT_INVALID", message))
        }
    }
}
