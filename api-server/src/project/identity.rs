//! Which object this is: read even where nothing else of it can be.

use serde_json::Value;
use uuid::Uuid;

/// The four kinds that are mirrored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Cluster-scoped; tenants refer to it.
    Plan,
    /// Cluster-scoped; has a namespace.
    Tenant,
    /// In a tenant's namespace.
    Workflow,
    /// In a tenant's namespace; outlived by its row.
    WorkflowRun,
}

impl Kind {
    /// All kinds; what refers to something comes after it.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Tenant, Self::Workflow, Self::WorkflowRun];

    /// Its name in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "PLAN",
            Self::Tenant => "TENANT",
            Self::Workflow => "WORKFLOW",
            Self::WorkflowRun => "WORKFLOW_RUN",
        }
    }

    /// The kind of a name in the database.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Which object, and at which version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its kind.
    pub kind: Kind,
    /// Its uid in the cluster.
    pub uid: Uuid,
    /// Its namespace, where its kind has one.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// Its version, as a number: larger is later, within one cluster.
    pub resource_version: i64,
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Which one.
    pub identity: Identity,
    /// All of it.
    pub raw: Value,
}

/// The API server sent an object without what every object has.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {field} of an object of kind {kind:?}")]
pub struct Anonymous {
    kind: Kind,
    field: &'static str,
}

impl Object {
    /// Takes an object as the API server sent it.
    ///
    /// # Errors
    /// It has no uid, no name, or no numeric resource version.
    pub fn new(kind: Kind, raw: Value) -> Result<Self, Anonymous> {
        let text = |pointer: &str| raw.pointer(pointer).and_then(Value::as_str);
        let missing = |field| Anonymous { kind, field };
        let identity = Identity {
            kind,
            uid: text("/metadata/uid")
                .and_then(|uid| uid.parse().ok())
                .ok_or_else(|| missing("metadata.uid"))?,
            namespace: text("/metadata/namespace").map(str::to_owned),
            name: text("/metadata/name").map(str::to_owned).ok_or_else(|| missing("metadata.name"))?,
            resource_version: text("/metadata/resourceVersion")
                .and_then(|version| version.parse().ok())
                .ok_or_else(|| missing("metadata.resourceVersion"))?,
        };
        Ok(Self { identity, raw })
    }

    /// A part of the object as it was read, by JSON pointer; null where it is absent.
    #[must_use]
    pub fn part(&self, pointer: &str) -> Value {
        self.raw.pointer(pointer).cloned().unwrap_or_default()
    }

    /// A part that is kept as null in the database where it is absent.
    #[must_use]
    pub fn optional(&self, pointer: &str) -> Option<Value> {
        self.raw.pointer(pointer).filter(|part| !part.is_null()).cloned()
    }
}
