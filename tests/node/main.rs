//! Scenarios with real pods: the system installed by its chart on a node.

mod example;
mod isolation;
mod runs;
