//! A child as a watch delivers it, reduced to what the detection of drift reads: a hash of its content, and who has written it.
//! The managed fields of sixteen thousand children would take some 150 MB once they are decoded.

use std::{borrow::Cow, marker::PhantomData, sync::Arc};

use crds::labels;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::{
    content::ContentHash,
    drift::{ForeignWrite, foreign_writes},
    metadata,
};

/// A stored child, reduced to what the detection of drift reads.
#[derive(Clone, Debug)]
pub(crate) struct StoredChild {
    pub(super) uid: String,
    /// Number that grows with each write.
    pub(super) version: u64,
    /// Hash of the fields that the operator has applied, as they are now. `None` if it has applied none, or if the child is being
    /// deleted.
    pub(super) content: Option<ContentHash>,
    /// Whether the operator has applied it.
    pub(super) is_ours: bool,
    /// Fields that others have written.
    pub(super) foreign: Vec<ForeignWrite>,
    /// UID of the tenant that a namespace belongs to.
    pub(super) tenant_uid: Option<String>,
}

impl StoredChild {
    /// Returns a child as the API server has returned it.
    pub(crate) fn new<K: Resource<DynamicType = ()> + Serialize>(object: &K) -> Self {
        // An object that cannot be encoded has no content that is compared; those of Kubernetes always can.
        let fields = match serde_json::to_value(object) {
            Ok(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        Self::of_fields(&K::kind(&()), object.meta(), &fields)
    }

    /// Returns a child with this metadata, whose other fields are `fields`.
    fn of_fields(kind: &str, metadata: &ObjectMeta, fields: &Map<String, Value>) -> Self {
        let content = ContentHash::of_stored(kind, metadata, fields);
        Self {
            uid: metadata.uid.clone().unwrap_or_default(),
            version: metadata
                .resource_version
                .as_ref()
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            content: content.filter(|_| metadata.deletion_timestamp.is_none()),
            is_ours: metadata::is_ours(metadata),
            foreign: foreign_writes(metadata),
            tenant_uid: metadata.annotations.as_ref().and_then(|all| all.get(labels::TENANT_UID).cloned()),
        }
    }
}

/// A child that a watch delivers.
pub(crate) trait WatchedChild: Resource<DynamicType = ()> {
    /// Returns what is compared of it. The store and [`super::ObservedChildren`] share it.
    fn stored(&self) -> &Arc<StoredChild>;

    /// Returns the slug of its tenant.
    fn tenant(&self) -> Option<&str>;
}

/// A child of kind `K` with its content, without who has written it: decoded, that takes most of its memory.
#[derive(Clone, Debug)]
pub(crate) struct ChildObject<K> {
    object: K,
    stored: Arc<StoredChild>,
}

impl<K> ChildObject<K> {
    /// Returns the object without its managed fields.
    pub(crate) fn object(&self) -> &K {
        &self.object
    }
}

impl<K: Resource<DynamicType = ()>> WatchedChild for ChildObject<K> {
    fn stored(&self) -> &Arc<StoredChild> {
        &self.stored
    }

    fn tenant(&self) -> Option<&str> {
        self.object.meta().labels.as_ref()?.get(labels::TENANT).map(String::as_str)
    }
}

impl<'de, K: Resource<DynamicType = ()> + Deserialize<'de> + Serialize> Deserialize<'de> for ChildObject<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = K::deserialize(deserializer)?;
        let stored = Arc::new(StoredChild::new(&object));
        object.meta_mut().managed_fields = None;
        Ok(Self { object, stored })
    }
}

/// Annotations of a namespace that say to whom it belongs.
const OWNERSHIP: [&str; 3] = [labels::TENANT_UID, labels::CREATED, labels::ADOPT_BY];

/// A child of kind `K`: its name, UID, version and tenant, and what is compared of it. Of a namespace, also what says to whom it
/// belongs.
#[derive(Clone, Debug)]
pub(crate) struct ChildMetadata<K> {
    metadata: ObjectMeta,
    /// Slug of the tenant. Labels would take five times as much memory.
    tenant: Option<String>,
    stored: Arc<StoredChild>,
    kind: PhantomData<fn() -> K>,
}

impl<K> ChildMetadata<K> {
    /// Returns the metadata of the child as the watch delivers it, as far as it is retained.
    pub(crate) fn to_metadata(&self) -> ObjectMeta {
        let tenant = self.tenant.iter().map(|tenant| (labels::TENANT.to_owned(), tenant.clone()));
        ObjectMeta { labels: Some(tenant.collect()), ..self.metadata.clone() }
    }
}

impl<K: Clone> WatchedChild for ChildMetadata<K>
where
    K: Resource<DynamicType = ()>,
{
    fn stored(&self) -> &Arc<StoredChild> {
        &self.stored
    }

    fn tenant(&self) -> Option<&str> {
        self.tenant.as_deref()
    }
}

/// An object as it is decoded.
#[derive(Deserialize)]
struct Decoded {
    metadata: ObjectMeta,
    #[serde(flatten)]
    fields: Map<String, Value>,
}

impl<'de, K: Resource<DynamicType = ()>> Deserialize<'de> for ChildMetadata<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Decoded { metadata, fields } = Decoded::deserialize(deserializer)?;
        let stored = Arc::new(StoredChild::of_fields(&K::kind(&()), &metadata, &fields));
        let tenant = metadata.labels.and_then(|mut all| all.remove(labels::TENANT));
        let annotations = metadata.annotations.map(|mut all| {
            all.retain(|name, _| OWNERSHIP.contains(&name.as_str()));
            all
        });
        let metadata = ObjectMeta {
            name: metadata.name,
            namespace: metadata.namespace,
            uid: metadata.uid,
            resource_version: metadata.resource_version,
            annotations: annotations.filter(|all| !all.is_empty()),
            deletion_timestamp: metadata.deletion_timestamp,
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, tenant, stored, kind: PhantomData })
    }
}

impl<K: Resource<DynamicType = ()>> Resource for ChildObject<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        self.object.meta()
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        self.object.meta_mut()
    }
}

impl<K: Resource<DynamicType = ()>> Resource for ChildMetadata<K> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind(dt: &()) -> Cow<'_, str> {
        K::kind(dt)
    }

    fn group(dt: &()) -> Cow<'_, str> {
        K::group(dt)
    }

    fn version(dt: &()) -> Cow<'_, str> {
        K::version(dt)
    }

    fn plural(dt: &()) -> Cow<'_, str> {
        K::plural(dt)
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}
