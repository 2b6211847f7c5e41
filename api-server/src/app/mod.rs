//! The use cases: what a caller may want, and every rule about it. REST and GraphQL are two faces of these
//! functions; `store` reads and `mirror` writes for them.

pub mod case;
mod error;
pub mod logs;
pub mod outputs;
pub mod page;
pub mod plans;
pub mod runs;
pub mod tenants;
pub mod workflows;

pub use error::{Error, Violation};
