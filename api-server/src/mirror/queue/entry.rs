//! Changes of objects as they wait in the queue: as text, which takes much less memory than the decoded object.

use k8s_client::member;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};
use uuid::Uuid;

use crate::{
    mirror::{
        Error,
        change::{Change, Upsert},
        kube_api,
    },
    project::{Identity, Kind, Malformed, Object, Projection},
};

/// A queued change of an object.
#[derive(Debug)]
pub(in crate::mirror) struct Entry {
    /// Time at which the change was read.
    pub(in crate::mirror) received: Instant,
    /// The change.
    pub(in crate::mirror) change: ObjectText,
    /// Memory of the queue, which is available again when the change is stored.
    pub(in crate::mirror) memory: Option<OwnedSemaphorePermit>,
    pub(super) ticket: u64,
}

/// A change of an object that is not decoded yet.
#[derive(Debug)]
pub(in crate::mirror) enum ObjectText {
    /// A version of the object.
    Upserted(VersionText),
    /// The object was deleted.
    Deleted(Identity),
}

/// Text of a version of an object.
#[derive(Debug)]
pub(in crate::mirror) struct VersionText {
    pub(in crate::mirror) identity: Identity,
    text: String,
    /// Maximum memory of the decoded object, in bytes.
    decoded_bytes: usize,
    state: VisibleState,
    read_up_to: Option<i64>,
}

/// State of an object whose changes all become events. Versions with the same state may be stored as one.
#[derive(Debug, PartialEq, Eq)]
struct VisibleState {
    /// Generation: changes with the spec.
    generation: Option<i64>,
    /// Phase in the status, as JSON.
    phase: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    namespace: Option<String>,
    uid: Uuid,
    resource_version: String,
    generation: Option<i64>,
}

impl VersionText {
    /// Reads the identity and the state of a version, and nothing else.
    ///
    /// # Errors
    /// Returns an error if the object lacks metadata that every object has.
    pub(in crate::mirror) fn new(
        kind: Kind,
        text: String,
        decoded_bytes: usize,
        read_up_to: Option<i64>,
    ) -> Result<Self, Error> {
        let metadata: Metadata = kube_api::parse(member(&text, "metadata").unwrap_or_default().as_bytes())?;
        let Metadata { name, namespace, uid, resource_version, generation } = metadata;
        let resource_version = kube_api::version(&resource_version)?;
        let phase = member(&text, "status").and_then(|status| member(status, "phase")).map(str::to_owned);
        let identity = Identity { kind, uid, namespace, name, resource_version };
        Ok(Self { identity, text, decoded_bytes, state: VisibleState { generation, phase }, read_up_to })
    }

    /// Returns whether the older version need not be stored if this one is.
    pub(super) fn supersedes(&self, older: &Self) -> bool {
        self.state == older.state && self.identity.resource_version >= older.identity.resource_version
    }

    /// Decodes the object and projects it.
    fn decode(self) -> Upsert {
        let Self { identity, text, decoded_bytes: _, state: _, read_up_to } = self;
        let projection = match serde_json::from_str::<Value>(&text) {
            Ok(raw) => Projection::new(Object { identity, raw }),
            Err(error) => Projection {
                object: Object { identity, raw: Value::Null },
                row: Err(Malformed::Parse(error)),
            },
        };
        Upsert { projection, read_up_to }
    }
}

impl ObjectText {
    /// Returns the identity of the object.
    pub(in crate::mirror) fn identity(&self) -> &Identity {
        match self {
            Self::Upserted(version) => &version.identity,
            Self::Deleted(identity) => identity,
        }
    }

    /// Returns the size of the text, in bytes.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Self::Upserted(version) => version.text.len(),
            Self::Deleted(_) => 0,
        }
    }

    /// Returns the memory of the decoded object, in bytes.
    pub(super) fn decoded_bytes(&self) -> usize {
        match self {
            Self::Upserted(version) => version.decoded_bytes,
            Self::Deleted(_) => 0,
        }
    }

    /// Decodes the change.
    pub(in crate::mirror) fn decode(self) -> Change {
        match self {
            Self::Upserted(version) => Change::Upserted(Box::new(version.decode())),
            Self::Deleted(identity) => Change::Deleted(identity),
        }
    }
}
