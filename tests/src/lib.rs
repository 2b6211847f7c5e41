//! Shared code of the end-to-end tests: clients of the test cluster and of the API, unique names, namespaces,
//! waiting with a deadline, and the scenario runner.
//!
//! `cargo xtask test control-plane` and `cargo xtask test node` boot a cluster of their own and set `KUBECONFIG`. Tests run
//! in parallel in one cluster, so each uses unique names.

pub mod api;
pub mod api_router;
pub mod chaos_proxy;
pub mod child_process;
pub mod clients;
pub mod cluster;
pub mod database;
pub mod docs;
pub mod environment;
pub mod kinds;
pub mod kubectl;
pub mod neighbour;
pub mod operator_process;
pub mod percentile;
pub mod qdrant_process;
pub mod run_watch;
pub mod runner_process;
pub mod scenario;
pub mod tenant_deletion;
pub mod tenant_namespace;
pub mod test_namespace;
pub mod wait;
