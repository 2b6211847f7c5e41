//! Shared code of the end-to-end tests: clients of the test cluster and of the API, unique names, namespaces,
//! waiting with a deadline, and the scenario runner.
//!
//! `cargo xtask test control-plane` and `cargo xtask test node` boot a cluster of their own and set `KUBECONFIG`. Tests run
//! in parallel in one cluster, so each uses unique names.

pub mod api;
pub mod cluster;
pub mod docs;
pub mod environment;
pub mod kubectl;
pub mod neighbour;
pub mod percentile;
pub mod run_watch;
pub mod runner_process;
pub mod scenario;
pub mod tenant_namespace;
pub mod test_namespace;
pub mod wait;
