//! Identity of an object: readable even if the rest of the object does not parse.

use serde_json::Value;
use uuid::Uuid;

/// Kinds of custom resources that are mirrored. Their string form is the value in the database, such as
/// `WORKFLOW_RUN`.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
)]
#[strum(serialize_all = "SCREAMING_SNAKE_CASE")]
pub enum Kind {
    /// A plan: cluster-scoped, referenced by tenants.
    Plan,
    /// A tenant: cluster-scoped, owns a namespace.
    Tenant,
    /// A workflow in a tenant's namespace.
    Workflow,
    /// A workflow run in a tenant's namespace; its row outlives it.
    WorkflowRun,
}

impl Kind {
    /// All kinds, each after the kinds that it refers to.
    pub const ALL: [Self; 4] = [Self::Plan, Self::Tenant, Self::Workflow, Self::WorkflowRun];
}

/// Identity and resource version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Kind of the object.
    pub kind: Kind,
    /// UID in the cluster.
    pub uid: Uuid,
    /// Namespace; `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Resource version as a number: within one cluster, a higher one is newer.
    pub resource_version: i64,
}

/// An object as it was read from Kubernetes.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Identity of the object.
    pub identity: Identity,
    /// The entire object.
    pub raw: Value,
}

/// An object lacks metadata that every object has.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {field} of an object of kind {kind}")]
pub struct MissingMetadata {
    kind: Kind,
    field: &'static str,
}

impl Object {
    /// Reads the identity of an object that the Kubernetes API server sent.
    ///
    /// # Errors
    /// Returns an error if the object has no UID, no name or no numeric resource version.
    pub fn new(kind: Kind, raw: Value) -> Result<Self, MissingMetadata> {
        let text = |pointer: &str| raw.pointer(pointer).and_then(Value::as_str);
        let missing = |field| MissingMetadata { kind, field };
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

    /// Returns the part of the object at a JSON pointer, or null if it is absent.
    #[must_use]
    pub fn part(&self, pointer: &str) -> Value {
        self.raw.pointer(pointer).cloned().unwrap_or_default()
    }

    /// Returns the part of the object at a JSON pointer, or `None` if it is absent or null.
    #[must_use]
    pub fn optional(&self, pointer: &str) -> Option<Value> {
        self.raw.pointer(pointer).filter(|part| !part.is_null()).cloned()
    }
}
