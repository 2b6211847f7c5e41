//! What every process of SMB Copilot needs around its work: tracing, metrics, health endpoints,
//! graceful shutdown, and the only places that read the clock or make ids.
//!
//! Nothing here knows Kubernetes, Postgres or a business rule.

pub mod clock;
pub mod errors;
pub mod health;
pub mod ids;
pub mod logs;
pub mod metrics;
pub mod shutdown;
pub mod tasks;

pub use health::Health;
pub use metrics::Registry;
