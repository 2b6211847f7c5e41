//! Invitations: links that make a person a user of the tenant.

mod create;
mod deliver;
mod read;

pub use create::{Create, Created, create, revoke};
pub use read::{count, get, get_many, list};

/// Kind of invitations in the audit log.
const AUDIT_KIND: &str = "INVITATION";
