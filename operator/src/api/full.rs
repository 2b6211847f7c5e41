//! Reads of full objects. The operator's other reads contain only the fields that it decides on.
//!
//! A tenant chooses the size of an object, and its text may take a hundred times as much memory once it is decoded. The memory
//! is therefore estimated from the text and reserved before the text is decoded, and an object that takes too much is refused.

use std::{
    collections::HashMap,
    ops::Deref,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use crds::{Workflow, WorkflowRun, names::is_object_name};
use k8s_client::{Fields, decoded_bytes, select_text};
use k8s_openapi::api::{apps::v1::ControllerRevision, core::v1::Secret};
use kube::{
    Api, Client, Resource,
    api::GetParams,
    core::{NamespaceResourceScope, Request},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Readable, failed, within};
use crate::{
    errors::{Error, Verb},
    selection::{Part, REVISION_DATA, RUN_INPUT, RUN_SPEC, RUN_STEPS, SECRET, WORKFLOW_SPEC},
};

/// Memory that all full objects together may take, in KiB: 96 MiB, of which the largest object reserves two thirds.
const MAX_MEMORY_KIB: u32 = 96 * 1024;
/// Memory that is reserved for an object, as a multiple of what it takes: as much again for what is computed from it.
const RESERVED_FACTOR: usize = 2;
/// Number of objects whose text is held at the same time, of at most 1.5 MiB each.
const MAX_TEXTS: usize = 8;

/// Reader of full objects.
pub(crate) struct FullObjects {
    client: Client,
    /// One permit for each KiB of memory.
    memory: Arc<Semaphore>,
    texts: Semaphore,
    /// One permit for each namespace, so that a tenant with many objects does not take all memory.
    namespaces: Mutex<HashMap<String, Weak<Semaphore>>>,
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

    /// Runs a computation on the object. One that exceeds its deadline keeps the object, and no other of its namespace is read
    /// until it ends; but its memory no longer counts, so that other tenants do not wait for it.
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
        let computed = pool.run(tenant, move || (computation(&mut object), object, namespace));
        let (result, object, namespace) = computed.await?;
        Ok((result, Self { object, bytes, namespace, memory }))
    }
}

impl FullObjects {
    /// Returns a reader that uses this client.
    pub(crate) fn new(client: Client) -> Self {
        let memory = Arc::new(Semaphore::new(usize::try_from(MAX_MEMORY_KIB).unwrap_or(usize::MAX)));
        Self { client, memory, texts: Semaphore::new(MAX_TEXTS), namespaces: Mutex::default() }
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

    /// Returns a part of an object. Waits while full objects take too much memory, or while one of the same namespace is held.
    async fn get<K>(&self, namespace: &str, name: &str, part: Part) -> Result<Option<FullObject<K>>, Error>
    where
        K: Readable + Resource<Scope = NamespaceResourceScope>,
    {
        // A text that is no name cannot be the name of an object, and would change the path of the request.
        if !is_object_name(name) {
            return Ok(None);
        }
        let permit = acquire(self.namespace(namespace)).await;
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
        let memory = self.reserve(bytes).await;
        let object = decode(text).await.map_err(failed(Verb::Get, &api, name))?;
        Ok(Some(FullObject { object, bytes, namespace: permit, memory }))
    }

    /// Reserves the memory of an object.
    async fn reserve(&self, bytes: usize) -> OwnedSemaphorePermit {
        let kib = u32::try_from(bytes.saturating_mul(RESERVED_FACTOR) / 1024 + 1).unwrap_or(u32::MAX);
        let memory = Arc::clone(&self.memory).acquire_many_owned(kib.min(MAX_MEMORY_KIB)).await;
        memory.expect("the semaphore is never closed")
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
