//! The Secrets that a workflow names: read from where the operator mounted them, and kept out of all that is written.

mod load;
mod patterns;
mod redact;
mod redact_status;

pub(crate) use load::{SecretError, Secrets, load};
pub(crate) use redact::{Carry, RedactError, Redactor};
