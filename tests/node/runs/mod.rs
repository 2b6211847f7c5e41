//! Runs in real pods: every way in which a run can end, and lost pods.

mod crashes;
mod ends;
mod example;
mod fixture;
mod record;
mod refused;
mod service;
