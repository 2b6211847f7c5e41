//! Pure decisions of SMB Copilot: what a workflow may say, what a run does next, who runs first, who may do what.
//!
//! Nothing here does I/O, is async, reads a clock or draws a random number: time, ids and random numbers are
//! arguments. So every decision can be tested from a fixture, and a run can be replayed.

pub mod admission;
pub mod egress;
pub mod expr;
pub mod hosts;
pub mod permission;
pub mod reference;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod schema;
pub mod template;
pub mod workflow;
