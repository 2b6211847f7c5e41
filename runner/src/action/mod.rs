//! Execution of one attempt of a step: in a step host, as an HTTP request, or as an upload of a large value.

mod attempt;
mod context;
mod error;
mod hosted_step;
mod http;
mod output;
mod stop;

pub(crate) use attempt::execute_attempt;
pub(crate) use context::StepContext;
pub(crate) use output::storage_error;
pub(crate) use stop::{Canceller, sleep_until_timestamp, stop_channel};
