//! Workflows of a tenant: reading, creating, changing and archiving them.

mod archive;
mod create;
mod definition;
mod read;
mod revisions;
mod update;
mod validate;

pub use archive::{archive, unarchive};
pub use create::{Create, create, dry_run};
pub use definition::{Definition, Patch};
pub use read::{Filter, Problem, WorkflowDetails, count, details, get, get_many, list, problems};
pub use revisions::{
    Revision, RevisionDetails, RevisionKey, definitions, revision, revisions, revisions_of_many,
};
pub use update::{Update, update};
