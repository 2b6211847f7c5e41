//! The mirror, from a real API server into a real Postgres.

mod archive;
mod database;
mod deletion;
mod rebuild;
mod tenant;
