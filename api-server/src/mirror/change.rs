//! What followers tell the writer.

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::project::{Identity, Kind, Object};

/// Something that the projection must take in.
#[derive(Debug)]
pub(super) enum Change {
    /// A list of a kind begins, at this version.
    Listing { kind: Kind, resource_version: i64 },
    /// An object is so.
    Put(Box<Object>),
    /// An object is gone, at the identity's version.
    Gone(Identity),
    /// A list of a kind is complete: what is older than it and not in it is gone.
    Listed(Listed),
    /// A watch has told all up to this version.
    Reached { kind: Kind, resource_version: i64 },
}

/// A complete list.
#[derive(Debug)]
pub(super) struct Listed {
    pub kind: Kind,
    pub resource_version: i64,
    /// The uids of all objects of the kind.
    pub uids: Vec<Uuid>,
    /// Told when the list is in the database.
    pub stored: Option<oneshot::Sender<()>>,
}
