//! Runs in real pods: every way in which a run can end, and lost pods.

mod crashes;
mod example;
mod fixture;
mod large_tenant;
mod outcomes;
mod record;
mod refused;
mod service;
mod waiting;
