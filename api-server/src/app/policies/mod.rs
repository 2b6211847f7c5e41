//! Policies of a tenant: reading and changing them.

mod change;
mod read;

pub use change::{Create, NewPolicy, Patch, create, delete, update};
pub use read::{count, get, get_many, list, spec_of};
