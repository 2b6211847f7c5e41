//! State machine of runs: computes the next actions of a run from its workflow, its input, its status and the
//! time.
//!
//! The runner calls [`Run::resume`] once when it takes a run, [`Run::record_outcome`] for each attempt that
//! has ended, and [`Run::advance`] after that and at the time [`Advance::wait_until`]. It writes the steps of
//! an advance to the run's status before it performs the actions of the advance. So the intent of a step is
//! recorded before its side effects, and another runner can continue from the status.
//!
//! A step that is skipped counts as done: its output is null, and the steps that need it start. A step that
//! fails without `continueOnError` ends the run: no other step starts, running attempts and sub-runs may end,
//! and waits for approvals and times are abandoned. Steps that depend on a failed step then become Skipped,
//! and the other unfinished steps Cancelled. The `onExit` steps run afterwards, whatever the result of the
//! steps.
//!
//! A run that only waits, for longer than [`crds::constants::SUSPEND_THRESHOLD_SECONDS`], is suspended and
//! needs no runner: see [`Advance::suspend`].

mod actions;
mod advance;
mod apply;
mod attempt;
mod complete;
mod context;
mod creation;
mod display;
mod external_events;
mod fan_out;
mod item_outputs;
mod items;
mod outcome;
mod persisted;
mod ranges;
mod record_outcome;
mod render;
mod resume;
mod reuse;
mod run_end;
mod scheduler;
mod state;
mod step_key;
mod store_result;
mod stored_values;
mod task;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

pub use actions::{Advance, FinishRun, StartAttempt, StopAttempt, SuspendRun};
pub use creation::is_same_run;
pub use display::{display_duration, log_location, with_log_location};
pub use external_events::{ExternalEvents, SubRunOutcome};
pub use outcome::{Failure, Outcome, Output};
pub use persisted::{ValueLocation, insert_value, missing_values, persisted_steps};
pub use resume::RunnerLoss;
pub use reuse::{reusable_steps, unknown_steps};
pub use state::{RunState, active_step_names, awaited_sub_runs, step_error};
pub use step_key::StepKey;
pub use task::{HttpRequest, SubRun, Task};

use crate::expr::Context;
use crate::workflow::ValidWorkflow;
use context::ContextCache;
use fan_out::FanOutCache;
use stored_values::StoredValues;

/// A run, without its status.
#[derive(Clone, Debug)]
pub struct Run {
    workflow: ValidWorkflow,
    data: RunData,
    started_at: Timestamp,
    waited: Duration,
    /// Data that all expressions can read.
    base_context: Context,
    secrets: Arc<Value>,
    fan_outs: FanOutCache,
    stored_values: StoredValues,
    context_cache: ContextCache,
}

/// Data of a run that expressions can read, in addition to its steps.
#[derive(Clone, Debug, Default)]
pub struct RunData {
    /// Input with the defaults of the workflow's schema, see [`ValidWorkflow::complete_input`].
    pub input: Value,
    /// `metadata.uid`.
    pub run_id: String,
    /// `metadata.name`.
    pub run_name: String,
    /// `metadata.creationTimestamp`, RFC 3339.
    pub created_at: String,
    /// The workflow's name.
    pub workflow: String,
    /// The tenant's name, from the ConfigMap `tenant`.
    pub tenant: String,
    /// The tenant's settings, from the ConfigMap `tenant`.
    pub tenant_settings: Value,
    /// Values of `spec.secrets`, by the name of the secret and the key of the value.
    pub secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// `spec.trigger.parent.depth`; 0 for a run that was not started by another run.
    pub depth: u32,
}

impl Run {
    /// Returns `status.startedAt`.
    #[must_use]
    pub const fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Creates a run of a workflow. `started_at` is `status.startedAt`, from which the run's timeout counts.
    /// `waited` is the time that the run has spent waiting for approvals and times since then, which does not
    /// count against the timeout: `status.waitedSeconds` plus, for a run that resumes now, the time since
    /// `status.suspendedAt`.
    #[must_use]
    pub fn new(workflow: ValidWorkflow, data: RunData, started_at: Timestamp, waited: Duration) -> Self {
        let (base_context, secrets) = (context::base_context(&data), Arc::new(json!(data.secrets)));
        Self {
            workflow,
            data,
            started_at,
            waited,
            base_context,
            secrets,
            fan_outs: FanOutCache::default(),
            stored_values: StoredValues::default(),
            context_cache: ContextCache::default(),
        }
    }

    /// Returns the workflow.
    #[must_use]
    pub fn workflow(&self) -> &ValidWorkflow {
        &self.workflow
    }

    /// Returns the input that the run executes with.
    #[must_use]
    pub fn input(&self) -> &Value {
        &self.data.input
    }

    /// Returns the time at which the run times out.
    #[must_use]
    pub fn deadline(&self) -> Timestamp {
        state::after(self.started_at, self.workflow.timeout().saturating_add(self.waited))
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
