//! Changes that the projection has to apply.

use uuid::Uuid;

use crate::project::{Identity, Kind, Projection};

/// A change that the projection has to apply.
#[derive(Debug)]
pub(super) enum Change {
    /// A list of a kind was started at this resource version.
    ListStarted { kind: Kind, resource_version: i64 },
    /// An object was listed, added or modified.
    Upserted(Box<Upsert>),
    /// An object was deleted, at the identity's resource version.
    Deleted(Identity),
    /// A list of a kind is complete: objects that are older than the list and not in it have been deleted.
    ListCompleted(CompleteList),
    /// A watch delivered all changes up to this resource version.
    Bookmark { kind: Kind, resource_version: i64 },
    /// The lease of the mirror was renewed.
    LeaseRenewed { resource_version: i64 },
}

/// A version of an object.
#[derive(Debug)]
pub(super) struct Upsert {
    pub projection: Projection,
    /// For an object that was listed: the resource version up to which its kind had been read before. An object that is older
    /// and whose row changes nevertheless was missed.
    pub read_up_to: Option<i64>,
}

/// A list of all objects of a kind.
#[derive(Debug)]
pub(super) struct CompleteList {
    pub kind: Kind,
    pub resource_version: i64,
    /// UIDs of all objects of the kind.
    pub uids: Vec<Uuid>,
}

impl Change {
    /// Returns the identity of the object that changed, or `None` if the change concerns a kind.
    pub(super) fn identity(&self) -> Option<&Identity> {
        match self {
            Self::Upserted(upsert) => Some(&upsert.projection.object.identity),
            Self::Deleted(identity) => Some(identity),
            Self::ListStarted { .. }
            | Self::ListCompleted(_)
            | Self::Bookmark { .. }
            | Self::LeaseRenewed { .. } => None,
        }
    }
}
