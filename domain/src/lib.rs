//! Pure decisions of SMB Copilot: validation of workflows, the state machine of a run, admission, schedules,
//! egress and permissions.
//!
//! *Pure* means that a result depends on the arguments alone. Nothing in this crate does I/O, is async, reads
//! a clock, draws a random number or has global mutable state: time, ids, random numbers and the cost budget
//! of an evaluation are arguments. Therefore every decision can be tested from a fixture, and a run can be
//! replayed.
//!
//! A value may cache data that it would otherwise compute or receive again, as long as its results are the
//! same. One type does so: [`run::Run`] shares the outputs of finished steps, the item lists of `forEach` and
//! the values of stored outputs between its copies, behind a mutex. They never change once they are known,
//! there are at most as many as the run has outputs, and they may be several MiB large, while a run is copied
//! and evaluated for every event.

pub mod admission;
pub mod egress;
pub mod expr;
pub mod hosts;
pub mod identity;
pub mod image;
pub mod numbers;
mod pattern;
pub mod permission;
pub mod policy;
pub mod python;
pub mod reference;
pub mod retry;
pub mod run;
pub mod schedule;
pub mod schema;
mod spelling;
pub mod template;
pub mod vectors;
pub mod workflow;
