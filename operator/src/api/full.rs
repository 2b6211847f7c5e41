//! Reads of full objects. The operator's other reads contain only the fields that it decides on.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use kube::{Client, Resource, core::NamespaceResourceScope};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Readable, read, within};
use crate::errors::Error;

/// Number of full objects that are held at the same time, one for each namespace. An object has at most 1.5 MiB of text,
/// which may need twenty times as much memory once it is decoded: 90 MiB together.
const MAX_FULL_OBJECTS: usize = 3;

/// Reader of full objects.
pub(crate) struct FullObjects {
    client: Client,
    permits: Arc<Semaphore>,
    /// One permit for each namespace, so that a tenant with many objects does not take all.
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
}

/// A full object. Others can be read when it is dropped, so it must not be held while waiting for anything else than its
/// own processing.
pub(crate) struct FullObject<K> {
    object: K,
    _permits: [OwnedSemaphorePermit; 2],
}

impl<K> Deref for FullObject<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.object
    }
}

impl FullObjects {
    /// Returns a reader that uses this client.
    pub(crate) fn new(client: Client) -> Self {
        let permits = Arc::new(Semaphore::new(MAX_FULL_OBJECTS));
        Self { client, permits, namespaces: Mutex::default() }
    }

    /// Returns the object of a name, or `None` if it does not exist. Waits while too many full objects are held, or one of the
    /// same namespace.
    ///
    /// # Errors
    /// Returns an error if the API server cannot be reached or refuses the request.
    pub(crate) async fn get<K>(&self, namespace: &str, name: &str) -> Result<Option<FullObject<K>>, Error>
    where
        K: Readable + Resource<Scope = NamespaceResourceScope>,
    {
        let own = acquire(self.namespace(namespace)).await;
        let shared = acquire(Arc::clone(&self.permits)).await;
        let object = read::get(&within::<K>(&self.client, namespace), name).await?;
        Ok(object.map(|object| FullObject { object, _permits: [own, shared] }))
    }

    /// Returns the semaphore of a namespace. Those that nobody uses are forgotten.
    fn namespace(&self, name: &str) -> Arc<Semaphore> {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = namespaces.get(name).and_then(Weak::upgrade) {
            return known;
        }
        namespaces.retain(|_, semaphore| semaphore.strong_count() > 0);
        let new = Arc::new(Semaphore::new(1));
        namespaces.insert(name.to_owned(), Arc::downgrade(&new));
        new
    }
}

async fn acquire(semaphore: Arc<Semaphore>) -> OwnedSemaphorePermit {
    semaphore.acquire_owned().await.expect("the semaphore is never closed")
}
