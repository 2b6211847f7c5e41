//! Concurrency group of a run. It is computed once and saved in the run's status before it is used: all decisions about
//! the run and about the other runs of the group read it there.

use crds::{
    WorkflowRun,
    constants::MAX_CONCURRENCY_KEY_BYTES,
    run::{RunConcurrency, RunPhase},
    workflow::ErrorKind,
};
use domain::{admission::ConcurrencyGroup, workflow::ValidWorkflow};
use kube::{ResourceExt as _, runtime::controller::Action};
use serde_json::json;

use super::{
    super::{
        apply::write_status,
        decide::End,
        observe::Snapshot,
        stage::{Exit, Stage},
    },
    input::{complete_input, read_full},
};
use crate::{
    context::Context,
    errors::{Error, chain},
    state::Revision,
};

/// Computes the concurrency group of a run and writes it into the run's status, unless that was done already or the
/// workflow has no `concurrency`.
///
/// # Errors
/// Returns an exit if the group was written, if the key cannot be evaluated on the run's input, or if the API server cannot
/// be reached.
pub(super) async fn save_group(ctx: &Context, snapshot: &Snapshot, revision: &Revision) -> Stage<()> {
    let (Some(_), Ok(valid)) = (&revision.spec.concurrency, &revision.valid) else { return Ok(()) };
    let status = snapshot.run.status.as_ref();
    if status.is_some_and(|status| status.concurrency.is_some()) {
        return Ok(());
    }
    let group = compute_group(ctx, snapshot, valid.clone()).await?;
    let patch = json!({
        "observedGeneration": snapshot.run.metadata.generation,
        "phase": status.and_then(|status| status.phase).unwrap_or(RunPhase::Queued),
        "revision": status.and_then(|status| status.revision.clone()).unwrap_or(revision.reference()),
        "concurrency": group,
    });
    write_status(&ctx.client, snapshot, patch).await?;
    Err(Exit::Done(Action::await_change()))
}

async fn compute_group(ctx: &Context, snapshot: &Snapshot, valid: ValidWorkflow) -> Stage<RunConcurrency> {
    let Some(run) = read_full(ctx, snapshot).await? else {
        return Err(Exit::Done(Action::await_change()));
    };
    let compute = move |run: &mut WorkflowRun| {
        let input = complete_input(run.spec.input.take(), &valid)?;
        valid.concurrency(&input).map_err(|error| invalid_key(&error.to_string()))
    };
    match run.compute(&ctx.compute, &snapshot.namespace, compute).await {
        Ok((Ok(group), _)) => {
            let (limit, key) = group.unwrap_or_default();
            check_size(&key)?;
            Ok(RunConcurrency { key, limit })
        }
        Ok((Err(end), _)) => Err(end.into()),
        Err(error) if error.is_transient() => Err(Error::compute("evaluate a concurrency key")(error).into()),
        Err(error) => Err(invalid_key(&chain(&error)).into()),
    }
}

fn check_size(key: &str) -> Result<(), End> {
    let (bytes, limit) = (key.len(), MAX_CONCURRENCY_KEY_BYTES);
    if bytes <= limit {
        return Ok(());
    }
    Err(invalid_key(&format!("its value has {bytes} bytes; the limit is {limit}: use an id")))
}

fn invalid_key(reason: &str) -> End {
    let message = format!("spec.concurrency.key cannot be evaluated on the run's input: {reason}");
    End::failed(ErrorKind::User, "CONCURRENCY_KEY", message)
}

/// Returns the concurrency group of a run, or `None` if its workflow has no `concurrency` or the group is not computed yet.
pub(super) fn group(run: &WorkflowRun) -> Option<ConcurrencyGroup> {
    let RunConcurrency { key, limit } = run.status.as_ref()?.concurrency.as_ref()?;
    let namespace = run.namespace().unwrap_or_default();
    let key = format!("{namespace}/{}/{key}", run.spec.workflow_ref.name);
    Some(ConcurrencyGroup { key, limit: *limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(namespace: &str, workflow: &str, status: &str) -> WorkflowRun {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: WorkflowRun, metadata: {{name: order-7, namespace: {namespace}}}, \
             spec: {{workflowRef: {{name: {workflow}}}}}, status: {{{status}}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    /// Runs share a limit only with runs of the same workflow and key, and a run without a saved group shares none.
    #[test]
    fn a_group_consists_of_the_runs_of_a_workflow_with_the_same_key() {
        let status = "concurrency: {key: '\"customer-7\"', limit: 2}";
        let found = group(&run("bakery", "intake", status)).unwrap();
        assert_eq!((found.key.as_str(), found.limit), ("bakery/intake/\"customer-7\"", 2));
        assert_ne!(group(&run("bakery", "export", status)).unwrap().key, found.key);
        assert_ne!(group(&run("garage", "intake", status)).unwrap().key, found.key);
        assert_eq!(group(&run("bakery", "intake", "concurrency: {limit: 1}")).unwrap().key, "bakery/intake/");
        assert_eq!(group(&run("bakery", "intake", "phase: Running")), None);
    }

    /// A value that is too large for a key is refused with both numbers.
    #[test]
    fn a_large_key_is_refused_with_both_numbers() {
        assert!(check_size(&"x".repeat(MAX_CONCURRENCY_KEY_BYTES)).is_ok());
        let error = check_size(&"x".repeat(2_000)).unwrap_err().error.unwrap();
        assert_eq!(error.code, "CONCURRENCY_KEY");
        assert!(error.message.contains("2000") && error.message.contains("1024"), "{}", error.message);
    }
}
