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

use crate::{api::FullObjects, errors::Error};

/// Maximum size of all cached revisions as JSON, in bytes: 400 revisions of 10 KiB. A validated revision may need twenty
/// times as much memory, 80 MiB together.
const MAX_CACHED_BYTES: u64 = 4 * 1024 * 1024;

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
    /// Size as JSON, in bytes.
    pub(crate) bytes: u32,
    /// The validated spec. An earlier release may have accepted a workflow that this one rejects.
    pub(crate) valid: Result<ValidWorkflow, Vec<Problem>>,
    /// Host containers of the revision's pods.
    pub(crate) hosts: Hosts,
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
    compute: compute::Pool,
    python_image: String,
}

impl Revisions {
    /// Returns an empty cache. Revisions are parsed by `compute`; Python steps that name no image run in `python_image`.
    pub(crate) fn new(compute: compute::Pool, python_image: String) -> Self {
        let bytes = |_: &(String, String), revision: &Arc<Revision>| revision.bytes;
        let cache = Cache::builder().weigher(bytes).max_capacity(MAX_CACHED_BYTES).build();
        Self { cache, compute, python_image }
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
        let Some(stored) = full.get::<ControllerRevision>(namespace, name).await? else { return Ok(None) };
        let python_image = self.python_image.clone();
        let parsed = self.compute.run(namespace, move || parse(&stored, &python_image)).await;
        let revision = Arc::new(parsed.map_err(Error::compute("parse a revision"))??);
        self.cache.insert(key, Arc::clone(&revision));
        Ok(Some(revision))
    }
}

fn parse(stored: &ControllerRevision, python_image: &str) -> Result<Revision, Error> {
    let (name, uid, generation) = (stored.name_any(), stored.uid().unwrap_or_default(), stored.revision);
    let data = stored.data.as_ref().map(|data| data.0.clone()).unwrap_or_default();
    let bytes = u32::try_from(data.to_string().len()).unwrap_or(u32::MAX);
    let RevisionData { schema_version: _, workflow, spec } =
        RevisionData::parse(data).map_err(|source| Error::Revision { name: name.clone(), source })?;
    let valid = validate(&spec, &ValidationContext::default());
    let hosts = Hosts::for_workflow(&spec, python_image);
    Ok(Revision { name, uid, generation, workflow, spec, bytes, valid, hosts })
}
