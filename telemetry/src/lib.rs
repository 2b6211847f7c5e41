//! Infrastructure that every process of SMB Copilot shares: logs, traces, metrics, health endpoints, supervised
//! tasks, graceful shutdown, and the only functions that read the clock or generate ids.
//!
//! This crate does not depend on Kubernetes, Postgres or any business rule.

pub mod clock;
pub mod errors;
pub mod health;
pub mod ids;
pub mod logs;
pub mod metrics;
pub mod shutdown;
pub mod tasks;
pub mod trace;

pub use health::Health;
pub use metrics::Registry;
