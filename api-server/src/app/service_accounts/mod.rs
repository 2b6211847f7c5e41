//! Service accounts: the accounts of programs.

mod create;
mod read;

pub use create::{Create, create, delete};
pub use read::{count, get, get_many, list};

/// Kind of service accounts in the audit log.
const AUDIT_KIND: &str = "SERVICE_ACCOUNT";
