//! Events from outside the run: cancellation, decisions and the ends of sub-runs.

use std::collections::BTreeMap;

use crds::run::{Cancel, Decision, OutputRef, RunError, RunPhase};
use serde_json::Value;

/// Events from outside the run that are known so far.
#[derive(Clone, Copy, Debug)]
pub struct ExternalEvents<'a> {
    /// Requested cancellation.
    pub cancel: Option<Cancel>,
    /// `spec.decisions`.
    pub decisions: &'a [Decision],
    /// `metadata.generation` of the run with these decisions.
    pub generation: i64,
    /// Results of sub-runs that have ended, by name of the sub-run. Unfinished sub-runs are absent.
    pub sub_runs: &'a BTreeMap<String, SubRunOutcome>,
}

impl ExternalEvents<'static> {
    /// The absence of any event.
    pub const NONE: Self = Self { cancel: None, decisions: &[], generation: 0, sub_runs: &BTreeMap::new() };
}

/// Result of a sub-run.
#[derive(Clone, Debug, PartialEq)]
pub enum SubRunOutcome {
    /// The sub-run succeeded.
    Succeeded {
        /// Output of the sub-run, read from object storage if it is stored there.
        output: Value,
        /// Reference to the output, if it is in object storage.
        stored: Option<OutputRef>,
    },
    /// The sub-run failed, was cancelled or timed out.
    Unsuccessful {
        /// Final phase of the sub-run.
        phase: RunPhase,
        /// Error of the sub-run.
        error: Option<RunError>,
    },
    /// The sub-run does not exist, for example because it was deleted.
    NotFound,
}
