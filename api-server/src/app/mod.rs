//! The use cases of the API and their rules. REST and GraphQL both call these functions; `store` reads the database for
//! them, and `mirror` writes what Kubernetes returned.

mod context;
pub mod enum_names;
mod error;
pub mod idempotency;
pub mod logs;
pub mod outputs;
pub mod page;
pub mod plans;
mod reservation;
pub mod runs;
pub mod tenants;
pub mod workflows;

pub use context::App;
pub use error::{Error, Violation};
pub use reservation::Reservation;
