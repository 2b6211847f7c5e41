//! Secrets of a workflow: read from where the operator mounts them, and redacted in everything that is written.

mod load;
mod patterns;
mod redact;
mod redact_status;

pub(crate) use load::{SecretError, Secrets, load};
pub(crate) use redact::{RedactError, Redactor, Remainder};
