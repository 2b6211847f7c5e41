//! The api-server: a mirror of Kubernetes in Postgres, with REST and GraphQL on top.
//!
//! `http` and `graphql` translate requests, `app` decides, `store` reads the database, and only `mirror` writes the
//! mirrored rows, from which `retention` deletes expired ones. The api-server never creates a Job; it changes Plans,
//! Tenants, Workflows and WorkflowRuns through the Kubernetes API alone.
//!
//! The modules form layers, lowest first: `limits`, `db`, `auth`, `objects`, `vectors`, `mail`, `store`, `project`, `mirror`, `app`, `ingestion`,
//! `retention`, `tenant_end`, `problem`, `graphql`, `http`, `erd`, `options`, `serve`, `worker`, `cli`. A module imports only modules before it.

pub mod app;
pub mod auth;
pub mod cli;
pub mod db;
pub mod erd;
pub mod graphql;
pub mod http;
pub mod ingestion;
pub mod limits;
pub mod mail;
pub mod mirror;
pub mod objects;
pub mod options;
pub mod problem;
pub mod project;
pub mod retention;
pub mod serve;
pub mod store;
pub mod tenant_end;
pub mod vectors;
pub mod worker;
