//! Tests of the mirror, from a real Kubernetes API server into a real Postgres.
//!
//! They have a test program of their own, so that no operator of another test changes the mirrored objects
//! while they are compared.

mod archive;
mod conditions;
mod database;
mod deep_values;
mod deletion;
mod internal_api;
mod outages;
mod rebuild;
mod replicas;
mod reuse;
mod tenant;
mod verify;
