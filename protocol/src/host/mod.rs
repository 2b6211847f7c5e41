//! Runner and step host, over the Unix socket in the volume that the two containers share.
//!
//! The host listens, the runner connects, once. The runner sends [`Request`]s, the host answers with
//! [`Event`]s. A step is named by a [`StepId`] that the runner chooses; for each id the host sends
//! `Started` at most once and then `Exited` exactly once, after the last of its output.
//! The end of the stream ends the host and all that runs in it.

mod event;
mod request;

pub use event::{Event, Outcome, Stream};
pub use request::{Action, Meta, Request, Secrets, Start};

/// Names one execution of one step for as long as the connection lives.
pub type StepId = u64;
