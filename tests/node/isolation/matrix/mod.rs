//! What the pods of a tenant reach of another tenant: its pods, its objects in Kubernetes as each service account, and its runs as a
//! runner. `docs/security/isolation.md` has the result.

mod kubernetes;
mod network;
mod runners;
mod tenants;

/// Page of the documentation whose tables must equal what the tests observe.
const PAGE: &str = "docs/security/isolation.md";
