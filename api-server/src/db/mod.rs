//! Postgres: migrations, roles, and the two connection pools of the process.

mod json;
mod migrate;
mod pool;
mod roles;
#[cfg(test)]
pub(crate) mod testing;

pub use jiff_sqlx::Timestamp;
pub use json::Json;
pub use migrate::{Error as MigrateError, MIGRATOR, migrate};
pub(crate) use pool::{Access, Slug, TenantConnection, TenantSession};
pub use pool::{AppPool, BeginError, MirrorPool, Urls, UrlsError};
