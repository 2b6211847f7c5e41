//! Reads of full objects. The operator's other reads contain only the fields that it decides on.
//!
//! A tenant chooses the size of an object, and its text may take a hundred times as much memory once it is decoded. The memory
//! is therefore estimated from the text and reserved before the text is decoded, and an object that takes too much is refused.

use std::{
    collections::HashMap,
    ops::Deref,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use compute::Memory;
use crds::{Workflow, WorkflowRun, names::is_object_name};
use k8s_client::{Fields, decoded_bytes, select_text};
use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::Secret};
use kube::{
    Api, Client, Resource,
    api::GetParams,
    core::{NamespaceResourceScope, Request},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{Readable, failed, within};
use crate::{
    errors::{Error, Verb},
    selection::{Part, REVISION_DATA, RUN_INPUT, RUN_SPEC, RUN_STEPS, SECRET, WORKFLOW_SPEC},
};

/// Memory that all large objects together may take, in KiB: 72 MiB, of which the largest object reserves 64.
const MAX_LARGE_KIB: u32 = 72 * 1024;
/// Memory that all other objects together may take, in KiB. Most workflows and inputs are among them, and do not wait for
/// large ones.
const MAX_SMALL_KIB: u32 = 24 * 1024;
/// Maximum memory that is reserved for an object that is not large, in KiB.
const SMALL_KIB: u32 = 2 * 1024;
/// Memory of all objects whose computation exceeds its deadline, in bytes: one of the largest, as it is reserved.
pub(crate) const MAX_OVERDUE_BYTES: usize = 64 << 20;
/// Time for which an object waits for its namespace and for memory, while its reconcile keeps others of its tenant from theirs.
const MAX_WAIT: Duration = Duration::from_secs(5);
/// Memory that is reserved for an object, as a multiple of what it takes: as much again for what is computed from it.
const RESERVED_FACTOR: usize = 2;
/// Number of objects whose text is held at the same time, of at most 1.5 MiB each.
const MAX_TEXTS: usize = 8;

/// Reader of full objects.
pub(crate) struct FullObjects {
    client: Client,
    /// One permit for each KiB of memory of large objects.
    large: Arc<Semaphore>,
    /// One permit for each KiB of memory of other objects.
    small: Arc<Semaphore>,
    texts: Semaphore,
    /// One permit for each namespace, so that a tenant with many objects does not take all memory.
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
    /// Time for which an object waits for its namespace and for memory.
    max_wait: Duration,
}

/// A full object. Others of its namespace can be read when it is dropped, so it must not be held while waiting for anything
/// else than its own processing.
#[derive(Debug)]
pub(crate) struct FullObject<K> {
    object: K,
    /// Memory that the object takes, in bytes.
    bytes: usize,
    namespace: OwnedSemaphorePermit,
    memory: OwnedSemaphorePermit,
}

impl<K> Deref for FullObject<K> {
    type Target = K;

    fn deref(&self) -> &K {
        &self.object
    }
}

impl<K: Send + 'static> FullObject<K> {
    /// Returns the estimated memory that the object takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Runs a computation on the object. One that exceeds its deadline keeps the object until it ends: no other of its
    /// namespace is read, and its memory counts towards [`MAX_OVERDUE_BYTES`], or remains reserved if that has no room.
    ///
    /// # Errors
    /// Returns an error if no thread becomes available in time, or if the computation takes too long or panics.
    pub(crate) async fn compute<T: Send + 'static>(
        self,
        pool: &compute::Pool,
        tenant: &str,
        computation: impl FnOnce(&mut K) -> T + Send + 'static,
    ) -> Result<(T, Self), compute::Error> {
        let Self { mut object, bytes, namespace, memory } = self;
        let memory = Memory { bytes: bytes.saturating_mul(RESERVED_FACTOR), reservation: memory };
        let compute = move || (computation(&mut object), object, namespace);
        let ((result, object, namespace), memory) = pool.run_with_memory(tenant, memory, compute).await?;
        Ok((result, Self { object, bytes, namespace, memory }))
    }
}

impl FullObjects {
    /// Returns a reader that uses this client.
    pub(crate) fn new(client: Client) -> Self {
        let memory = |kib: u32| Arc::new(Semaphore::new(usize::try_from(kib).unwrap_or(usize::MAX)));
        let (large, small) = (memory(MAX_LARGE_KIB), memory(MAX_SMALL_KIB));
        Self {
            client,
            large,
            small,
            texts: Semaphore::new(MAX_TEXTS),
            namespaces: Mutex::default(),
            max_wait: MAX_WAIT,
        }
    }

    /// Returns the spec of a workflow, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the spec takes too much memory, or if the API server cannot be reached or refuses the request.
    pub(crate) async fn workflow(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<Workflow>>, Error> {
        self.get(namespace, name, WORKFLOW_SPEC).await
    }

    /// Returns a run with its input and without its status, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error as [`Self::workflow`] does.
    pub(crate) async fn run_input(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<WorkflowRun>>, Error> {
        self.get(namespace, name, RUN_INPUT).await
    }

    /// Returns a run with everything that it was created with, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error as [`Self::workflow`] does.
    pub(crate) async fn run_spec(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<WorkflowRun>>, Error> {
        self.get(namespace, name, RUN_SPEC).await
    }

    /// Returns a run with its phase and its steps, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error as [`Self::workflow`] does.
    pub(crate) async fn run_steps(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<WorkflowRun>>, Error> {
        self.get(namespace, name, RUN_STEPS).await
    }

    /// Returns a ControllerRevision with its data, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error as [`Self::workflow`] does.
    pub(crate) async fn revision(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<ControllerRevision>>, Error> {
        self.get(namespace, name, REVISION_DATA).await
    }

    /// Returns a Secret, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error as [`Self::workflow`] does.
    pub(crate) async fn secret(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Option<FullObject<Secret>>, Error> {
        self.get(namespace, name, SECRET).await
    }

    /// Returns a part of an object. Waits for a while if full objects take too much memory, or if one of the same namespace is
    /// held.
    async fn get<K>(&self, namespace: &str, name: &str, part: Part) -> Result<Option<FullObject<K>>, Error>
    where
        K: Readable + Resource<Scope = NamespaceResourceScope>,
    {
        // A text that is no name cannot be the name of an object, and would change the path of the request.
        if !is_object_name(name) {
            return Ok(None);
        }
        let permit = timeout(self.max_wait, acquire(self.namespace(namespace))).await;
        let permit = permit.map_err(|_| Error::TenantComputes { namespace: namespace.to_owned() })?;
        let _text = self.texts.acquire().await.expect("the semaphore is never closed");
        let api = within::<K>(&self.client, namespace);
        let text = read_text(&self.client, &api, name, part.fields).await;
        let Some(text) = text.map_err(failed(Verb::Get, &api, name))? else { return Ok(None) };
        let bytes = decoded_bytes(&text);
        if bytes > part.max_bytes {
            return Err(Error::TooMuchMemory {
                kind: K::kind(&()).into_owned(),
                name: format!("{namespace}/{name}"),
                what: part.what,
                bytes,
                limit: part.max_bytes,
            });
        }
        let memory = self.reserve(bytes).await?;
        let object = decode(text).await.map_err(failed(Verb::Get, &api, name))?;
        Ok(Some(FullObject { object, bytes, namespace: permit, memory }))
    }

    /// Reserves the memory of an object.
    async fn reserve(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Error> {
        let kib = u32::try_from(bytes.saturating_mul(RESERVED_FACTOR) / 1024 + 1).unwrap_or(u32::MAX);
        let (memory, kib) =
            if kib <= SMALL_KIB { (&self.small, kib) } else { (&self.large, kib.min(MAX_LARGE_KIB)) };
        let permit = timeout(self.max_wait, Arc::clone(memory).acquire_many_owned(kib)).await;
        Ok(permit.map_err(|_| Error::ObjectsInUse { kib })?.expect("the semaphore is never closed"))
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

/// Returns the JSON text of some fields of an object, or `None` if it does not exist.
async fn read_text<K: Readable>(
    client: &Client,
    api: &Api<K>,
    name: &str,
    fields: Fields,
) -> kube::Result<Option<Vec<u8>>> {
    let request = Request::new(api.resource_url()).get(name, &GetParams::default());
    match client.request_text(request.map_err(kube::Error::BuildRequest)?).await {
        Ok(text) => Ok(Some(select_text(&text, fields))),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Decodes an object. That takes up to a tenth of a second, in which a thread that reconciles must not be blocked.
async fn decode<K: Readable>(text: Vec<u8>) -> kube::Result<K> {
    let decoded = tokio::task::spawn_blocking(move || serde_json::from_slice(&text)).await;
    decoded.unwrap_or_else(|error| resume_unwind(error.into_panic())).map_err(kube::Error::SerdeError)
}

async fn acquire(semaphore: Arc<Semaphore>) -> OwnedSemaphorePermit {
    semaphore.acquire_owned().await.expect("the semaphore is never closed")
}

#[cfg(test)]
mod tests;
