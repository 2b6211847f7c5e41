//! Cache of the workflow revisions that runs are pinned to, parsed once.

use std::sync::Arc;

use crds::{RevisionData, WorkflowSpec, workflow::RevisionRef};
use domain::{
    hosts::Hosts,
    workflow::{Problem, ValidWorkflow, ValidationContext, validate},
};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::ResourceExt as _;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{api::FullObjects, errors::Error};

/// Maximum memory of all cached revisions, in bytes: some 400 revisions of 10 KiB of text.
const MAX_CACHED_BYTES: u64 = 32 << 20;
/// Maximum memory of all revisions that are cached or in use, in KiB. The largest revision takes 16 MiB.
const MAX_USED_KIB: u32 = 96 << 10;
/// Memory of a revision as a multiple of what its data take: its spec, and what is parsed from it.
const PARSED_FACTOR: usize = 2;

/// Revision of a workflow, as runs execute it.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// Generation of the workflow from which the revision was created.
    pub(crate) generation: i64,
    /// Name of the workflow.
    pub(crate) workflow: String,
    pub(crate) spec: WorkflowSpec,
    /// Memory that the revision takes, in KiB. It is available again when the revision is dropped.
    pub(crate) memory: Memory,
    /// The validated spec. An earlier release may have accepted a workflow that this one rejects.
    pub(crate) valid: Result<ValidWorkflow, Vec<Problem>>,
    /// Host containers of the revision's pods.
    pub(crate) hosts: Hosts,
}

/// Reserved memory of a revision.
#[derive(Debug)]
pub(crate) struct Memory {
    kib: u32,
    _permit: OwnedSemaphorePermit,
}

#[cfg(test)]
impl Memory {
    /// Returns the memory of a revision that a test creates without a cache.
    pub(crate) fn of_test() -> Self {
        let permit = Arc::new(Semaphore::new(1)).try_acquire_owned();
        Self { kib: 1, _permit: permit.expect("the semaphore is new") }
    }
}

impl Revision {
    /// Returns the reference to this revision that is written into the status of runs.
    pub(crate) fn reference(&self) -> RevisionRef {
        RevisionRef { name: self.name.clone(), generation: Some(self.generation) }
    }
}

/// Recently used revisions, by namespace and name. A revision is immutable, and its name is derived from its content, so
/// that a cached one never becomes stale.
#[derive(Debug)]
pub(crate) struct Revisions {
    cache: Cache<(String, String), Arc<Revision>>,
    /// One permit for each KiB of memory that revisions take, cached ones or not.
    memory: Arc<Semaphore>,
    compute: compute::Pool,
    python_image: String,
}

impl Revisions {
    /// Returns an empty cache. Revisions are parsed by `compute`; Python steps that name no image run in `python_image`.
    pub(crate) fn new(compute: compute::Pool, python_image: String) -> Self {
        let kib = |_: &(String, String), revision: &Arc<Revision>| revision.memory.kib;
        let cache = Cache::builder().weigher(kib).max_capacity(MAX_CACHED_BYTES / 1024).build();
        let memory = Arc::new(Semaphore::new(usize::try_from(MAX_USED_KIB).unwrap_or(usize::MAX)));
        Self { cache, memory, compute, python_image }
    }

    /// Returns a revision, from the cache or from the API server, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the API server cannot be reached, the ControllerRevision holds no workflow, or the workflow cannot
    /// be parsed in time.
    pub(crate) async fn get(
        &self,
        full: &FullObjects,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Revision>>, Error> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(cached) = self.cache.get(&key) {
            return Ok(Some(cached));
        }
        let Some(stored) = full.revision(namespace, name).await? else { return Ok(None) };
        let memory = self.reserve(stored.bytes())?;
        let python_image = self.python_image.clone();
        let parse = move |stored: &mut ControllerRevision| parse(stored, memory, &python_image);
        let parsed = stored.compute(&self.compute, namespace, parse).await;
        let (revision, _) = parsed.map_err(Error::compute("parse a revision"))?;
        let revision = Arc::new(revision?);
        self.cache.insert(key, Arc::clone(&revision));
        Ok(Some(revision))
    }

    /// Reserves the memory of a revision whose data take a number of bytes. Does not wait: whoever holds a revision may wait for
    /// the object from which this one is parsed.
    fn reserve(&self, bytes: usize) -> Result<Memory, Error> {
        let kib = u32::try_from(bytes.saturating_mul(PARSED_FACTOR) / 1024 + 1).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.memory).try_acquire_many_owned(kib);
        let permit = permit.map_err(|_| Error::RevisionsInUse { kib })?;
        Ok(Memory { kib, _permit: permit })
    }
}

/// Parses a revision, whose data are moved out of the object since they may be large.
fn parse(stored: &mut ControllerRevision, memory: Memory, python_image: &str) -> Result<Revision, Error> {
    let (name, uid, generation) = (stored.name_any(), stored.uid().unwrap_or_default(), stored.revision);
    let data = stored.data.take().map(|data| data.0).unwrap_or_default();
    let RevisionData { schema_version: _, workflow, spec } =
        RevisionData::parse(data).map_err(|source| Error::Revision { name: name.clone(), source })?;
    let valid = validate(&spec, &ValidationContext::default());
    let hosts = Hosts::for_workflow(&spec, python_image);
    Ok(Revision { name, uid, generation, workflow, spec, memory, valid, hosts })
}
