//! Digests of what callers can see of a row. A change that leaves the digest as it is writes no event: the usage of a tenant, the
//! number of runs of a workflow, the position in a queue and the pod of a run change all the time, and no subscriber reads them.

use std::io;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{Meta, RunRow, TenantRow, WorkflowRow};

/// A row whose changes are published as events.
pub trait MirroredRow {
    /// Returns the columns that all kinds have.
    fn meta(&self) -> &Meta;

    /// Returns a digest of what callers can see of the row. It is stored with the row, so it must stay the same between
    /// releases: otherwise each object has one event too many.
    fn visible_digest(&self) -> i64;
}

impl MirroredRow for TenantRow {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn visible_digest(&self) -> i64 {
        let Self {
            meta: _,
            display_name,
            state,
            plan_name,
            namespace,
            settings,
            mirrored_generation: _,
            end: _,
            restore_from,
            spec,
            status,
        } = self;
        let phase = status.get("phase");
        digest(&(
            (display_name, state, plan_name, namespace),
            (settings, restore_from, spec, phase, condition_values(status)),
        ))
    }
}

impl MirroredRow for WorkflowRow {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn visible_digest(&self) -> i64 {
        let Self {
            meta: _,
            display_name,
            description,
            state,
            revision,
            valid,
            problems,
            labels: _,
            spec,
            status: _,
        } = self;
        digest(&(display_name, description, state, revision, valid, problems, spec))
    }
}

impl MirroredRow for RunRow {
    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn visible_digest(&self) -> i64 {
        let Self {
            meta: _,
            workflow_name,
            revision,
            status,
            archived: _,
            cancel,
            trigger_kind: _,
            requested_by: _,
            trigger,
            input,
            effective_input,
            output,
            output_ref,
            error,
            queue,
            steps,
            decisions,
            reuse,
            reused,
            ending,
            wake_at,
            suspended_at,
            waited_seconds: _,
            output_uris: _,
            priority,
            started_at,
            finished_at,
        } = self;
        // The position in the queue changes with each run that ends, and the message may contain it.
        let reason = queue.as_ref().and_then(|queue| queue.get("reason"));
        digest(&(
            (workflow_name, revision, status, cancel, trigger, input, effective_input),
            (output, output_ref, error, reason, steps, decisions, reuse, reused, ending),
            (wake_at, suspended_at, priority, started_at, finished_at),
        ))
    }
}

/// Returns type, status and reason of each condition, without its times and its message.
fn condition_values(status: &Value) -> Vec<[Option<&Value>; 3]> {
    let conditions = status.get("conditions").and_then(Value::as_array);
    let values = |condition| ["type", "status", "reason"].map(|field| Value::get(condition, field));
    conditions.into_iter().flatten().map(values).collect()
}

/// Returns the first eight bytes of the SHA-256 of the JSON text of a value.
fn digest(value: &impl Serialize) -> i64 {
    let mut hasher = Hasher(Sha256::new());
    // Neither the writer nor the serialization of a row fails; a row without a digest would have an event for each change.
    if serde_json::to_writer(&mut hasher, value).is_err() {
        return 0;
    }
    let bytes: [u8; 32] = hasher.0.finalize().into();
    let first = bytes.first_chunk().copied().unwrap_or_default();
    i64::from_be_bytes(first)
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::project::{Row, project, testing};

    fn digest_of(fixture: testing::Fixture) -> i64 {
        match project(&fixture.build()).unwrap() {
            Row::Run(row) => row.visible_digest(),
            Row::Workflow(row) => row.visible_digest(),
            Row::Tenant(row) => row.visible_digest(),
            Row::Plan(_) => panic!("plans have no events"),
        }
    }

    /// Counters, positions and pods are no visible change; the phase, a step and the reason of waiting are.
    #[test]
    fn only_what_callers_read_changes_the_digest() {
        let run = |status| digest_of(testing::run("acme", "invoices", "one").status(status));
        let queued = run(json!({"phase": "Queued", "queue": {"reason": "TenantConcurrency", "position": 9}}));
        let moved = json!({"phase": "Queued", "runner": {"pod": "p"}, "waitedSeconds": 3,
                           "queue": {"reason": "TenantConcurrency", "position": 8}});
        assert_eq!(run(moved), queued);
        for visible in [
            json!({"phase": "Running"}),
            json!({"phase": "Queued", "queue": {"reason": "ClusterFull"}}),
            json!({"phase": "Queued", "queue": {"reason": "TenantConcurrency"}, "steps": [{"name": "a", "phase": "Pending"}]}),
        ] {
            assert_ne!(run(visible), queued);
        }
        let workflow = |status| digest_of(testing::workflow("acme", "invoices").status(status));
        assert_eq!(workflow(json!({"runs": {"active": 1}})), workflow(json!({})));
        let tenant = |status| digest_of(testing::tenant("acme").status(status));
        assert_eq!(tenant(json!({"runs": {"running": 3}, "quota": {}})), tenant(json!({})));
        assert_ne!(tenant(json!({"phase": "Active"})), tenant(json!({})));
    }
}
