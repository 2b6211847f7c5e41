//! Messages between runner and step host over the Unix socket in the volume that the two containers share.
//!
//! The host listens, and the runner connects once. The runner sends [`Request`]s and the host sends [`Event`]s. The
//! runner chooses a [`StepId`] for each step. For each ID the host sends `Started` at most once, and `Exited` exactly
//! once, after all output. When the stream ends, the host ends all its steps and exits.
//!
//! After each run that is not the last one in its pod, the runner sends `KillAll` to all hosts and then `Clear`, so that no
//! process, file or queue of a run exists in the next one.

mod event;
mod request;

pub use event::{Event, Outcome, Stream};
pub use request::{Action, Meta, Request, Secrets, Start};

/// ID of one execution of a step, unique within a connection.
pub type StepId = u64;
