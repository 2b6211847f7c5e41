//! Revisions as runs need them: read once, parsed once.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crds::{RevisionData, WorkflowSpec, workflow::RevisionRef};
use domain::workflow::{Problem, ValidWorkflow, ValidationContext, validate};
use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::{Client, ResourceExt as _};

use crate::{
    api::{self, within},
    errors::Error,
};

/// Revisions kept in memory, of about 10 KiB each; beyond that all are read again.
const KEPT: usize = 1_000;

/// A workflow as a run executes it.
#[derive(Debug)]
pub(crate) struct Revision {
    pub(super) name: String,
    pub(super) uid: String,
    pub(super) generation: i64,
    pub(super) workflow: String,
    pub(super) spec: WorkflowSpec,
    /// An older operator may have let a workflow pass that this one would not.
    pub(super) valid: Result<ValidWorkflow, Vec<Problem>>,
}

impl Revision {
    /// As it is written on runs.
    pub(super) fn reference(&self) -> RevisionRef {
        RevisionRef { name: self.name.clone(), generation: Some(self.generation) }
    }
}

/// Revisions read lately, by namespace and name. They are immutable, and a name is never used again.
#[derive(Debug, Default)]
pub(crate) struct Revisions(Mutex<HashMap<(String, String), Arc<Revision>>>);

impl Revisions {
    /// A revision; none if it is gone.
    ///
    /// # Errors
    /// It cannot be read, or holds no workflow.
    pub(super) async fn get(
        &self,
        client: &Client,
        namespace: &str,
        name: &str,
    ) -> Result<Option<Arc<Revision>>, Error> {
        let key = (namespace.to_owned(), name.to_owned());
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(Arc::clone(known)));
        }
        let stored = api::get(&within::<ControllerRevision>(client, namespace), name).await?;
        let Some(stored) = stored else { return Ok(None) };
        let revision = Arc::new(parse(stored)?);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KEPT {
            known.clear();
        }
        known.insert(key, Arc::clone(&revision));
        Ok(Some(revision))
    }
}

fn parse(stored: ControllerRevision) -> Result<Revision, Error> {
    let (name, uid, generation) = (stored.name_any(), stored.uid().unwrap_or_default(), stored.revision);
    let data = stored.data.map(|data| data.0).unwrap_or_default();
    let RevisionData { schema_version: _, workflow, spec } =
        RevisionData::parse(data).map_err(|source| Error::Revision { name: name.clone(), source })?;
    let valid = validate(&spec, &ValidationContext::default());
    Ok(Revision { name, uid, generation, workflow, spec, valid })
}
