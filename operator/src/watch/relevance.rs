//! Selection of the changes of a custom resource that something depends on. The counts in the status of tenants and workflows
//! change every few seconds, and nothing is to be done then.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{Mutex, PoisonError},
};

use crds::{Plan, Tenant, TenantStatus, Workflow, WorkflowStatus, conditions};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, ObjectMeta};
use kube::Resource;
use serde::Serialize;

use super::reflect::Change;

/// What a change of an object concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relevance {
    /// Nothing: only counts have changed.
    Nothing,
    /// The object itself.
    Itself,
    /// The object, and the objects that depend on it.
    Dependents,
}

/// Hashes of what the reconciles of an object and of its dependents read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fingerprint {
    itself: u64,
    dependents: u64,
}

/// Kind whose status contains fields on which nothing depends.
pub(super) trait Relevant: Resource {
    /// Returns the hashes of the object without those fields.
    fn fingerprint(&self) -> Fingerprint;
}

/// Fingerprint of each object when it was last observed, by UID.
#[derive(Debug, Default)]
pub(super) struct RelevanceFilter(Mutex<HashMap<String, Fingerprint>>);

impl RelevanceFilter {
    /// Returns what a change concerns. The first observation of an object and its deletion concern its dependents.
    pub(super) fn relevance<K: Relevant>(&self, change: &Change<K>) -> Relevance {
        let object = change.object();
        let uid = object.meta().uid.clone().unwrap_or_default();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(change, Change::Deleted(_)) {
            known.remove(&uid);
            return Relevance::Dependents;
        }
        let now = object.fingerprint();
        match known.insert(uid, now) {
            Some(before) if before.dependents != now.dependents => Relevance::Dependents,
            Some(before) if before.itself != now.itself => Relevance::Itself,
            Some(_) => Relevance::Nothing,
            None => Relevance::Dependents,
        }
    }
}

impl Relevant for Plan {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint {
            itself: hash(&self.metadata, &(&self.spec, &self.status)),
            dependents: hash(&self.metadata, &self.spec),
        }
    }
}

impl Relevant for Tenant {
    fn fingerprint(&self) -> Fingerprint {
        let status = self.status.clone().unwrap_or_default();
        let conditions = without_mirrored(&status.conditions);
        let status = TenantStatus { runs: None, quota: None, conditions, ..status };
        let itself = hash(&self.metadata, &(&self.spec, &status));
        // Runs start when the tenant is ready and active.
        let is_ready = conditions::is_true(&status.conditions, conditions::READY);
        let dependents = (&self.spec, status.namespace, status.run_as_user, status.phase, is_ready);
        Fingerprint { itself, dependents: hash(&self.metadata, &dependents) }
    }
}

impl Relevant for Workflow {
    fn fingerprint(&self) -> Fingerprint {
        let status = self.status.clone().unwrap_or_default();
        let mut conditions = without_mirrored(&status.conditions);
        let status = WorkflowStatus { runs: None, conditions: conditions.clone(), ..status };
        let itself = hash(&self.metadata, &(&self.spec, &status));
        // The condition LastRunSucceeded follows from the last run; no other object reads either.
        conditions.retain(|condition| condition.type_ != conditions::LAST_RUN_SUCCEEDED);
        let status = WorkflowStatus { last_run: None, next_run_at: None, conditions, ..status };
        Fingerprint { itself, dependents: hash(&self.metadata, &(&self.spec, status)) }
    }
}

fn without_mirrored(conditions: &[Condition]) -> Vec<Condition> {
    conditions.iter().filter(|condition| condition.type_ != conditions::MIRRORED).cloned().collect()
}

/// Returns a hash of an object's content and of its metadata, without what changes with each write.
fn hash(metadata: &ObjectMeta, content: &impl Serialize) -> u64 {
    let metadata = ObjectMeta { resource_version: None, managed_fields: None, ..metadata.clone() };
    let mut hash = DefaultHasher::new();
    // A value that cannot be written as JSON is hashed as nothing; the types of the resources always can.
    serde_json::to_vec(&(metadata, content)).unwrap_or_default().hash(&mut hash);
    hash.finish()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn workflow(version: &str, spec: &str, status: &str) -> Change<Workflow> {
        let text = format!(
            "{{apiVersion: smbcopilot.dev/v1alpha1, kind: Workflow, metadata: {{name: intake, uid: u1, resourceVersion: \
             '{version}'}}, spec: {{steps: [], {spec}}}, status: {{{status}}}}}"
        );
        Change::Applied { previous: None, current: Arc::new(serde_yaml::from_str(&text).unwrap()) }
    }

    /// Changed counts cause no reconcile, a changed last run one of the workflow, and a changed spec also those of its
    /// dependents.
    #[test]
    fn only_changes_that_something_depends_on_are_relevant() {
        let filter = RelevanceFilter::default();
        let last = "lastRun: {name: a, phase: Failed, finishedAt: '2026-11-24T10:00:00Z'}";
        let changes = [
            ("1", "", "", Relevance::Dependents),
            ("2", "", "runs: {running: 1, queued: 0}", Relevance::Nothing),
            ("3", "", last, Relevance::Itself),
            ("4", "", last, Relevance::Nothing),
            ("5", "description: new", last, Relevance::Dependents),
            ("6", "description: new", "revision: {name: r, generation: 1}", Relevance::Dependents),
        ];
        for (version, spec, status, expected) in changes {
            assert_eq!(filter.relevance(&workflow(version, spec, status)), expected, "version {version}");
        }
    }
}
