//! Execution of a run in this pod: load it, resume it, execute its steps, and write its status.

mod assigned_run;
mod attempts;
mod child_runs;
mod context;
mod execute;
mod execution;
mod exit;
mod hand_over;
mod load;
mod next_run;
mod pace;
mod pending_write;
mod status_patch;
mod status_update;
mod stored_output;
mod write;

pub(crate) use context::RunnerContext;
pub(crate) use execute::execute;
pub(crate) use exit::RunExit;
pub(crate) use next_run::next_assigned_run;

#[cfg(test)]
mod tests;
