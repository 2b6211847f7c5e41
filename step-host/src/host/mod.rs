//! The host: one loop around `poll` over the runner, the interpreter, the steps and the signals.

mod await_runner;
mod error;
mod poll;
mod process_limit;
mod reap;
mod requests;
mod reset;
mod serve;
mod state;

pub(crate) use serve::serve;
