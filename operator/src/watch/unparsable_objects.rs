//! Objects that exist and cannot be parsed, so that no store contains them. Whoever concludes from a store that an object
//! does not exist has to ask here, too.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::runtime::reflector::ObjectRef;

use crate::api::Readable;

/// Namespace and name of an object.
type Key = (Option<String>, String);

/// UIDs of the objects that cannot be parsed, by kind. Clones share the same objects.
#[derive(Clone, Debug, Default)]
pub(crate) struct UnparsableObjects(Arc<Mutex<HashMap<String, HashMap<Key, String>>>>);

impl UnparsableObjects {
    /// Records that an object cannot be parsed.
    pub(super) fn insert<K: Readable>(&self, object: &ObjectRef<K>, uid: String) {
        self.lock().entry(kind::<K>()).or_default().insert(key(object), uid);
    }

    /// Records that an object can be parsed, or was deleted.
    pub(super) fn remove<K: Readable>(&self, object: &ObjectRef<K>) {
        if let Some(objects) = self.lock().get_mut(&kind::<K>()) {
            objects.remove(&key(object));
        }
    }

    /// Removes the objects of a kind for which `exists` returns false.
    pub(super) fn retain<K: Readable>(&self, exists: impl Fn(&ObjectRef<K>) -> bool) {
        if let Some(objects) = self.lock().get_mut(&kind::<K>()) {
            objects.retain(|key, _| exists(&reference(key)));
        }
    }

    /// Returns the UID of an object that cannot be parsed, or `None` if the object can be parsed or does not exist.
    pub(crate) fn uid<K: Readable>(&self, object: &ObjectRef<K>) -> Option<String> {
        self.lock().get(&kind::<K>())?.get(&key(object)).cloned()
    }

    /// Returns the UIDs of all objects of a kind that cannot be parsed.
    pub(crate) fn uids<K: Readable>(&self) -> Vec<String> {
        self.lock().get(&kind::<K>()).map(|objects| objects.values().cloned().collect()).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, HashMap<Key, String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind<K: Readable>() -> String {
    K::kind(&()).into_owned()
}

fn key<K: Readable>(object: &ObjectRef<K>) -> Key {
    (object.namespace.clone(), object.name.clone())
}

fn reference<K: Readable>((namespace, name): &Key) -> ObjectRef<K> {
    let reference = ObjectRef::new(name);
    match namespace {
        Some(namespace) => reference.within(namespace),
        None => reference,
    }
}
