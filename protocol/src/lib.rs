//! The private wire contracts between our own programs.
//!
//! [`frame`] is how messages travel over a stream socket; [`host`] is what the runner and a step host say;
//! [`internal`] is what a runner asks of the api-server.
//! Nothing here does I/O: both sides bring their own, blocking or not.

pub mod frame;
pub mod host;
pub mod internal;
