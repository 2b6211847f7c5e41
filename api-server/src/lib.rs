//! The api-server: a mirror of Kubernetes in Postgres, and REST and GraphQL over it.
//!
//! Handlers (`http`, `graphql`) translate, `app` decides, `store` reads, and only `mirror` writes the projection,
//! from which `retention` deletes what is no longer kept.
//! Nothing here creates a Job; Plans, Tenants, Workflows and WorkflowRuns are changed through Kubernetes alone.

pub mod app;
pub mod auth;
pub mod cli;
pub mod db;
pub mod erd;
pub mod graphql;
pub mod http;
pub mod mirror;
pub mod objects;
pub mod project;
pub mod retention;
pub mod serve;
pub mod state;
pub mod store;
