//! REST and GraphQL, from HTTP through a real Postgres into a real API server, as the api-server's own account.

mod cancel;
mod graphql;
mod issuer;
mod server;
mod start;
mod tenant;
