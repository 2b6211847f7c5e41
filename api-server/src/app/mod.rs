//! The use cases of the API and their rules. REST and GraphQL both call these functions; `store` reads the database for
//! them, and `mirror` writes what Kubernetes returned.

pub mod api_keys;
pub mod audit;
pub mod authorization;
mod change_object;
mod contents;
mod context;
mod created_by_request;
mod creation;
pub mod documents;
pub mod enum_names;
mod error;
pub mod events;
mod field_names;
mod field_path;
pub mod groups;
pub mod idempotency;
pub mod invitations;
mod kubernetes;
pub mod logs;
mod managed_fields;
mod merge_patch;
pub mod outputs;
pub mod page;
pub mod plans;
pub mod policies;
pub mod request_rate;
mod reservation;
mod rights;
pub mod roles;
pub mod runs;
pub mod searches;
pub mod service_accounts;
pub mod sessions;
mod strict;
pub mod tenants;
pub mod usage;
pub mod users;
pub mod workflows;

pub use contents::{Content, contents};
pub use context::App;
pub use error::{Error, Violation};
pub use managed_fields::ManagedField;
pub use reservation::Reservation;
