//! What the users of a tenant reach of another tenant by REST and GraphQL: every operation that names an object.
//! `docs/security/isolation.md` has the result.

mod graphql;
mod parties;
mod rest;

/// Page with the results.
const PAGE: &str = "docs/security/isolation.md";
