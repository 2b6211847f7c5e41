//! Client of the step hosts in this pod, which execute the `python` and `container` steps.

mod client;
mod connect;
mod connection;
mod hosts;

pub(crate) use client::{HostLost, StepExecution, StepHost};
pub(crate) use hosts::{HostConnections, HostUnavailable, Hosts};
