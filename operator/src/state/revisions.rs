//! Cache of the workflow revisions that runs are pinned to, parsed once.

use std::sync::Arc;

use crds::{RevisionData, WorkflowSpec, workflow::RevisionRef};
use domain::{
    hosts::Hosts,
    workflow::{Problem, ValidWorkflow, ValidationContext, validate},
};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Client, ResourceExt as _};
use moka::sync::Cache;

use crate::{
    api::{self, within},
    errors::Error,
};

/// Maximum number of cached revisions, of about 10 KiB each.
const MAX_CACHED: u64 = 1_000;

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
        Self { cache: Cache::new(MAX_CACHED), compute, python_image }
    }

    /// Returns a revision, from the cache or from the API server, or `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the API server cannot be reached, the ControllerRevision holds no workflow, or the workflow cannot
    /// be parsed in time.
    pub(crate) async fn get(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Revision>>, Error> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(cached) = self.cache.get(&key) {
            return Ok(Some(cached));
        }
        let stored = api::get(&within::<ControllerRevision>(client, namespace), name).await?;
        let Some(stored) = stored else { return Ok(None) };
        let python_image = self.python_image.clone();
        let parsed = self.compute.run(namespace, move || parse(stored, &python_image)).await;
        let revision = Arc::new(parsed.map_err(Error::compute("parse a revision"))??);
        self.cache.insert(key, Arc::clone(&revision));
        Ok(Some(revision))
    }
}

fn parse(stored: ControllerRevision, python_image: &str) -> Result<Revision, Error> {
    let (name, uid, generation) = (stored.name_any(), stored.uid().unwrap_or_default(), stored.revision);
    let data = stored.data.map(|data| data.0).unwrap_or_default();
    let RevisionData { schema_version: _, workflow, spec } =
        RevisionData::parse(data).map_err(|source| Error::Revision { name: name.clone(), source })?;
    let valid = validate(&spec, &ValidationContext::default());
    let hosts = Hosts::for_workflow(&spec, python_image);
    Ok(Revision { name, uid, generation, workflow, spec, valid, hosts })
}
