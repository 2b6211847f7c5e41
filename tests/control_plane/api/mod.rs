//! REST and GraphQL over HTTP with a real Postgres and a real Kubernetes API server, as the service account
//! of the api-server.

mod cancel;
mod graphql;
mod issuer;
mod server;
mod start;
mod tenant;
