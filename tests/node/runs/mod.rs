//! Runs in real pods: every way in which a run can end, and lost pods.

mod crashes;
mod example;
mod fixture;
mod outcomes;
mod record;
mod refused;
mod service;
