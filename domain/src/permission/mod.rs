//! Permissions and built-in roles.
//!
//! Permissions form a tree. A node grants every permission below it: `workflow.run` includes
//! `workflow.run.create` and `workflow.run.cancel`. Each role is expanded into a bitset once, so a check is
//! one instruction.

mod roles;
mod set;
mod table;

pub use roles::{PLATFORM_ROLES, TENANT_ROLES};
pub use set::{Permissions, UnknownNode};
pub use table::Permission;

#[cfg(test)]
mod tests;
