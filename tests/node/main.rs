//! Scenarios with real pods: the system installed by its chart on a node.

mod clients;
mod example;
mod isolation;
mod runs;
