//! Messages from the reflectors to the writer.

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::project::{Identity, Kind, Object};

/// A change that the projection has to apply.
#[derive(Debug)]
pub(super) enum Change {
    /// A list of a kind was started at this resource version.
    ListStarted { kind: Kind, resource_version: i64 },
    /// An object was listed, added or modified.
    Upserted(Box<Object>),
    /// An object was deleted, at the identity's resource version.
    Deleted(Identity),
    /// A list of a kind is complete: objects that are older than the list and not in it have been deleted.
    ListCompleted(CompleteList),
    /// A watch delivered all changes up to this resource version.
    Bookmark { kind: Kind, resource_version: i64 },
}

/// A list of all objects of a kind.
#[derive(Debug)]
pub(super) struct CompleteList {
    pub kind: Kind,
    pub resource_version: i64,
    /// UIDs of all objects of the kind.
    pub uids: Vec<Uuid>,
    /// Notified when the list is stored in the database.
    pub stored: Option<oneshot::Sender<()>>,
}
