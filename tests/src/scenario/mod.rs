//! Scenarios: a workflow, events, and the expected result, each in a file of `tests/scenarios` and executed
//! in real pods.

pub mod compare;
mod compare_effects;
mod context;
mod events;
mod files;
pub mod format;
mod harness;
mod object_sizes;
mod pods;
mod recorder;
mod run;
mod tenant;

pub use files::{ScenarioFile, find};
pub use harness::Harness;
pub use run::{Outcome, run_scenario};
pub use tenant::apply as apply_tenant;
