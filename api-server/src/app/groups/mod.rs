//! Roles as the groups of an identity provider (SCIM 2.0): the members of a group are the users with the role.

mod read;
mod write;

pub use read::{Group, Selection, get, list};
pub use write::{Caller, Create, Update, create, delete, update};
