//! Projects a workflow run to its row.

use crds::{
    conditions,
    run::{Cancel, OutputRef, RunPhase, StepStatus, TriggerKind},
};
use serde_json::json;

use super::{Malformed, Object, RunRow, meta, text::storable};
use crate::store::{CancelMode, RunStatus};

pub(super) fn project(object: &Object, run: crds::WorkflowRun) -> Result<RunRow, Malformed> {
    let status = run.status.unwrap_or_default();
    let trigger_kind = run.spec.trigger.as_ref().map_or(TriggerKind::Manual, |trigger| trigger.kind);
    Ok(RunRow {
        meta: meta::project(object, run.metadata)?,
        workflow_name: run.spec.workflow_ref.name,
        revision: status.revision.map(|revision| revision.name),
        status: run_status(status.phase.unwrap_or(RunPhase::Queued)),
        archived: conditions::is_true(&status.conditions, conditions::ARCHIVED),
        cancel: run.spec.cancel.map(|mode| match mode {
            Cancel::Graceful => CancelMode::Graceful,
            Cancel::Now => CancelMode::Now,
        }),
        trigger_kind: trigger_name(trigger_kind).to_owned(),
        requested_by: run.spec.trigger.and_then(|trigger| trigger.by).map(storable),
        trigger: object.optional("/spec/trigger").unwrap_or_else(|| json!({"kind": "Manual"})),
        input: object.optional("/spec/input"),
        effective_input: object.optional("/status/input"),
        output: object.optional("/status/output"),
        output_ref: object.optional("/status/outputRef"),
        error: object.optional("/status/error"),
        queue: object.optional("/status/queue"),
        steps: object.optional("/status/steps").unwrap_or_else(|| json!([])),
        decisions: object.optional("/spec/decisions").unwrap_or_else(|| json!([])),
        reuse: object.optional("/spec/reuse"),
        reused: object.optional("/status/reused"),
        ending: object.optional("/status/ending"),
        wake_at: status.wake_at.map(|time| time.0.into()),
        suspended_at: status.suspended_at.map(|time| time.0.into()),
        waited_seconds: status.waited_seconds.and_then(|waited| i64::try_from(waited).ok()).unwrap_or(0),
        output_uris: output_uris(status.output_ref.as_ref(), &status.steps),
        priority: run.spec.priority.unwrap_or(0),
        started_at: status.started_at.map(|time| time.0.into()),
        finished_at: status.finished_at.map(|time| time.0.into()),
    })
}

/// Returns the URIs of all outputs of a run that are in object storage.
fn output_uris(output: Option<&OutputRef>, steps: &[StepStatus]) -> Vec<String> {
    let step_uris = |step: &StepStatus| {
        let batches =
            step.items.iter().flat_map(|items| &items.batches).map(|batch| batch.output_ref.uri.clone());
        step.output_ref.iter().map(|output| output.uri.clone()).chain(batches).collect::<Vec<_>>()
    };
    output.iter().map(|output| output.uri.clone()).chain(steps.iter().flat_map(step_uris)).collect()
}

fn run_status(phase: RunPhase) -> RunStatus {
    match phase {
        RunPhase::Queued => RunStatus::Queued,
        RunPhase::Running => RunStatus::Running,
        RunPhase::Suspended => RunStatus::Suspended,
        RunPhase::Succeeded => RunStatus::Succeeded,
        RunPhase::Failed => RunStatus::Failed,
        RunPhase::Cancelled => RunStatus::Cancelled,
        RunPhase::TimedOut => RunStatus::TimedOut,
    }
}

fn trigger_name(kind: TriggerKind) -> &'static str {
    match kind {
        TriggerKind::Manual => "MANUAL",
        TriggerKind::Api => "API",
        TriggerKind::Schedule => "SCHEDULE",
        TriggerKind::Webhook => "WEBHOOK",
        TriggerKind::Workflow => "WORKFLOW",
        TriggerKind::Rerun => "RERUN",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::{Row, project, testing};

    fn row(fixture: testing::Fixture) -> RunRow {
        let Row::Run(row) = project(&fixture.build()).unwrap() else { panic!("the row is not a run") };
        *row
    }

    /// A run that was just created is listed before the operator has reconciled it.
    #[test]
    fn a_run_without_status_is_queued() {
        let row = row(testing::run("acme", "invoices", "invoices-1").status(json!(null)));
        assert_eq!((row.status, row.archived, row.steps), (RunStatus::Queued, false, json!([])));
        assert_eq!(
            (row.trigger_kind.as_str(), row.requested_by.as_deref()),
            ("API", Some("anna@acme.example"))
        );
    }

    /// The row of a finished run has the times, output, error and steps of its object.
    #[test]
    fn a_finished_run_is_projected_completely() {
        let row = row(testing::run("acme", "invoices", "invoices-1").status(json!({
            "phase": "TimedOut",
            "startedAt": "2026-11-24T08:00:01Z",
            "finishedAt": "2026-11-24T09:00:01Z",
            "steps": [{"name": "fetch", "phase": "Failed", "attempt": 2}],
            "input": {"language": "en"},
            "output": null,
            "error": {"step": "fetch", "kind": "Timeout", "code": "DEADLINE", "message": "took longer than 1h"},
        })));
        assert_eq!(row.status, RunStatus::TimedOut);
        assert_eq!(row.finished_at.unwrap().to_jiff().to_string(), "2026-11-24T09:00:01Z");
        assert_eq!((row.output, row.error.unwrap()["code"].clone()), (None, json!("DEADLINE")));
        assert_eq!(row.steps[0]["attempt"], 2);
        assert_eq!(row.effective_input, Some(json!({"language": "en"})));
    }

    /// The row of a run lists every stored output that the run refers to, so that retention deletes none of
    /// them.
    #[test]
    fn every_reference_to_object_storage_is_projected() {
        let reference = |uri: &str| json!({"uri": uri, "bytes": 1, "sha256": "", "mediaType": "text/plain"});
        let row = row(testing::run("acme", "invoices", "invoices-1").status(json!({
            "phase": "Running",
            "steps": [
                {"name": "fetch", "phase": "Succeeded", "outputRef": reference("a")},
                {"name": "each", "phase": "Running", "items": {
                    "total": 2, "batches": [{"indexes": "0-1", "outputRef": reference("b")}],
                }},
            ],
            "outputRef": reference("c"),
        })));
        assert_eq!(row.output_uris, ["c", "a", "b"]);
    }
}
