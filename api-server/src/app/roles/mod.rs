//! Roles of a tenant: the built-in ones, and those that it creates.

mod assign;
mod built_in;
mod change;
mod read;

pub use assign::{check_assignment, grants};
pub use change::{Create, NewRole, Patch, create, delete, update};
pub(in crate::app) use change::{insert, rename};
pub use read::{Role, RoleReference, count, get, get_many, list};
