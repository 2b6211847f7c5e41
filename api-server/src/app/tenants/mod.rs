//! The caller's tenant, and all tenants for platform administrators.

mod create;
mod read;
mod settings;
mod state;
mod update;

pub use create::{Create, create};
pub use read::{Filter, count, current, get, get_many, list};
pub(in crate::app) use read::{active, own_namespace, writable};
pub use state::{StateChange, change_state};
pub use update::{Patch, update, update_own};
