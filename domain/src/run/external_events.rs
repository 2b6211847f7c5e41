//! What comes into a run from outside.

use std::collections::BTreeMap;

use crds::run::{Cancel, Decision, OutputRef, RunError, RunPhase};
use serde_json::Value;

/// What has come into a run from outside, as far as it is known now.
#[derive(Clone, Copy, Debug)]
pub struct ExternalEvents<'a> {
    /// Whether it is to end.
    pub cancel: Option<Cancel>,
    /// `spec.decisions`.
    pub decisions: &'a [Decision],
    /// Sub-runs that have ended, by name. Those that have not are absent.
    pub sub_runs: &'a BTreeMap<String, SubRunOutcome>,
}

impl ExternalEvents<'static> {
    /// Nothing has come.
    pub const NONE: Self = Self { cancel: None, decisions: &[], sub_runs: &BTreeMap::new() };
}

/// The end of a sub-run.
#[derive(Clone, Debug, PartialEq)]
pub enum SubRunOutcome {
    /// It ended well.
    Succeeded {
        /// Its output, fetched where it is stored.
        output: Value,
        /// Where its output is, if it is stored.
        stored: Option<OutputRef>,
    },
    /// It ended otherwise.
    Unsuccessful {
        /// In which final phase.
        phase: RunPhase,
        /// What of.
        error: Option<RunError>,
    },
    /// There is no such run (any more).
    NotFound,
}
