//! Postgres: the schema, who may do what in it, and the two pools that the process works with.

#[cfg(test)]
mod isolation;
mod json;
mod migrate;
mod pool;
mod roles;
#[cfg(test)]
pub(crate) mod testing;
mod timestamp;

pub use json::Json;
pub use migrate::{Error as MigrateError, MIGRATOR, migrate};
pub use pool::{AppPool, MirrorPool, Urls, UrlsError};
pub use timestamp::Timestamp;
