//! What the users and service accounts of a tenant reach of another tenant: every kind of object that the API server serves, and
//! vectors. `docs/security/isolation.md` has the result. Pods are in `tests/node/isolation`, and the API in
//! `tests/control_plane/api/isolation.rs`.

mod kubernetes;
mod table;
mod tenants;
mod vectors;

/// Page of the documentation whose tables must equal what the tests observe.
const PAGE: &str = "docs/security/isolation.md";
