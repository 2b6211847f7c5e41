//! The mirror, from a real API server into a real Postgres.
//!
//! A program of its own: no operator of another scenario changes what is mirrored while it is compared.

mod archive;
mod database;
mod deletion;
mod hostile;
mod mirrored;
mod rebuild;
mod replicas;
mod reuse;
mod runner;
mod tenant;
