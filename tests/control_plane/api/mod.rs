//! REST and GraphQL over HTTP with a real Postgres and a real Kubernetes API server, as the service account
//! of the api-server.

mod cancel;
mod disturbances;
mod graphql;
mod graphql_programs;
mod isolation;
mod schemathesis;
mod server;
mod start;
mod tenant;
mod tenants;
mod workflows;
