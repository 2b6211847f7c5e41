//! What scenarios share: a client of the test cluster, callers of the API, unique names, and waiting with a deadline.
//!
//! `cargo xtask test control-plane` and `cargo xtask test node` boot a cluster of their own and set
//! `KUBECONFIG`. Scenarios run in parallel in one cluster, so each makes its own names.

pub mod api;
pub mod cluster;
pub mod environment;
pub mod kubectl;
pub mod namespace;
pub mod place;
pub mod pod;
pub mod scenario;
pub mod wait;
