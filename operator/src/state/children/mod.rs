//! Children of tenants, as they were last observed and as they were last applied. A child whose content is what the operator
//! builds is not applied again, also after a restart of the operator.

mod content;
mod drift;
mod metadata;
mod observed;

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kube::{Resource, ResourceExt as _};

pub(crate) use content::ContentHash;
pub(crate) use drift::Drift;
pub(crate) use observed::{ChildMetadata, ChildObject, StoredChild, WatchedChild};

/// Kind, namespace and name of a child.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ChildKey {
    pub(crate) kind: Cow<'static, str>,
    /// Empty for a namespace.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl ChildKey {
    /// Returns the key of an object.
    pub(crate) fn new<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        Self {
            kind: K::kind(&()),
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }
}

/// Namespace that the operator has marked as that of a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MarkedNamespace {
    pub(crate) name: String,
    pub(crate) uid: String,
    /// UID of the tenant.
    pub(crate) tenant_uid: String,
}

/// Children of all tenants. Clones share the same content.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObservedChildren(Arc<Mutex<HashMap<ChildKey, Child>>>);

#[derive(Debug, Default)]
struct Child {
    /// Slug of the tenant.
    tenant: String,
    /// The child as it exists. `None` after its deletion.
    observed: Option<Arc<StoredChild>>,
    /// The child as the operator has applied it, if that is known.
    applied: Option<Applied>,
}

impl Child {
    /// Returns the child as it exists, unless that is from before the operator's last write.
    fn current(&self) -> Option<&StoredChild> {
        let applied = self.applied.as_ref().map_or(0, |applied| applied.version);
        self.observed.as_deref().filter(|observed| observed.version >= applied)
    }
}

#[derive(Debug)]
struct Applied {
    /// Hash of what the operator has built.
    built: ContentHash,
    /// Hash of what the API server has stored of it. It differs from `built` if the API server has a notation of its own.
    stored: Option<ContentHash>,
    /// Version of the child that resulted.
    version: u64,
}

impl Applied {
    fn is_content_of(&self, child: &StoredChild) -> bool {
        child.content.is_some() && (child.content == Some(self.built) || child.content == self.stored)
    }
}

impl ObservedChildren {
    /// Records that a child exists. Returns whether it may differ from what the operator builds: its content is neither that of
    /// the last observation nor what the operator has applied.
    pub(crate) fn observe(&self, key: ChildKey, tenant: &str, child: Arc<StoredChild>) -> bool {
        let mut children = self.lock();
        let known = children.entry(key).or_default();
        tenant.clone_into(&mut known.tenant);
        let is_known = known.observed.as_ref().is_some_and(|before| before.content == child.content);
        let is_applied = known.applied.as_ref().is_some_and(|applied| applied.is_content_of(&child));
        known.observed = Some(child);
        // The result of the operator's own write follows.
        let is_outdated = known.current().is_none();
        !is_known && !is_applied && !is_outdated
    }

    /// Records that a child was deleted. Returns whether it was the one that was last observed.
    pub(crate) fn record_deleted(&self, key: &ChildKey, uid: &str) -> bool {
        let mut children = self.lock();
        let Some(child) = children.get_mut(key) else { return false };
        if child.observed.as_ref().is_some_and(|observed| observed.uid != uid) {
            return false;
        }
        child.observed = None;
        if child.applied.is_none() {
            children.remove(key);
        }
        true
    }

    /// Records that the operator has applied a child, and the child that resulted.
    pub(crate) fn record_applied(
        &self,
        key: ChildKey,
        tenant: &str,
        built: ContentHash,
        child: &StoredChild,
    ) {
        let mut children = self.lock();
        let known = children.entry(key).or_default();
        tenant.clone_into(&mut known.tenant);
        known.applied = Some(Applied { built, stored: child.content, version: child.version });
    }

    /// Returns whether a child exists as the operator builds it now. One that was applied by an earlier process counts as applied
    /// from then on.
    pub(crate) fn is_current(&self, key: &ChildKey, built: ContentHash) -> bool {
        let mut children = self.lock();
        let Some(known) = children.get_mut(key) else { return false };
        let Some(StoredChild { content, version, .. }) = known.current() else { return false };
        let (content, version) = (*content, *version);
        if content == Some(built) {
            known.applied = Some(Applied { built, stored: content, version });
            return true;
        }
        let applied = known.applied.as_ref().filter(|applied| applied.built == built);
        content.is_some() && applied.is_some_and(|applied| applied.stored == content)
    }

    /// Returns what was done to a child that the operator has applied with this content; `None` if nothing is known.
    pub(crate) fn drift(&self, key: &ChildKey, built: ContentHash) -> Option<Drift> {
        let children = self.lock();
        let child = children.get(key)?;
        let applied = child.applied.as_ref().filter(|applied| applied.built == built)?;
        if child.observed.is_none() {
            return Some(Drift::Deleted);
        }
        // One that is being deleted is drift once it is deleted.
        let is_deleting = |child: &StoredChild| child.is_ours && child.content.is_none();
        let changed = child.current().filter(|child| !applied.is_content_of(child) && !is_deleting(child))?;
        Some(Drift::Changed(changed.foreign.clone()))
    }

    /// Returns the existing children of a tenant that the operator has applied, with their UIDs.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Vec<(ChildKey, String)> {
        let children = self.lock();
        let own = children.iter().filter(|(_, child)| child.tenant == tenant);
        own.filter_map(|(key, child)| {
            let observed = child.observed.as_ref().filter(|observed| observed.is_ours)?;
            Some((key.clone(), observed.uid.clone()))
        })
        .collect()
    }

    /// Returns the existing namespaces that the operator has marked as those of a tenant.
    pub(crate) fn namespaces(&self) -> Vec<MarkedNamespace> {
        let children = self.lock();
        let observed = children.iter().filter_map(|(key, child)| Some((key, child.observed.as_ref()?)));
        let namespaces = observed.filter(|(key, child)| key.namespace.is_empty() && child.is_ours);
        namespaces
            .filter_map(|(key, child)| {
                let tenant_uid = child.tenant_uid.clone()?;
                Some(MarkedNamespace { name: key.name.clone(), uid: child.uid.clone(), tenant_uid })
            })
            .collect()
    }

    /// Forgets the children of a tenant that do not exist any more.
    pub(crate) fn forget_deleted(&self, tenant: &str) {
        self.lock().retain(|_, child| child.tenant != tenant || child.observed.is_some());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ChildKey, Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::ResourceQuota;
    use serde_json::json;

    use super::*;

    /// Returns a quota that the operator has applied, with the number of pods that is stored and the writes of others.
    fn quota(version: &str, pods: &str, others: &serde_json::Value) -> StoredChild {
        let mut fields = vec![json!({
            "manager": "smb-copilot-operator", "operation": "Apply", "time": "2026-11-24T10:00:00Z",
            "fieldsV1": {"f:spec": {"f:hard": {"f:pods": {}}}},
        })];
        fields.extend(others.as_array().cloned().unwrap_or_default());
        let quota: ResourceQuota = serde_json::from_value(json!({
            "metadata": {"name": "smb-tenant", "namespace": "t-acme", "uid": "u1", "resourceVersion": version, "managedFields": fields},
            "spec": {"hard": {"pods": pods}},
        }))
        .unwrap();
        StoredChild::new(&quota)
    }

    fn built(pods: &str) -> ContentHash {
        ContentHash::of_built("ResourceQuota", &json!({"metadata": {}, "spec": {"hard": {"pods": pods}}}))
    }

    fn edit() -> serde_json::Value {
        json!([{
            "manager": "kubectl-edit", "operation": "Update", "time": "2026-11-24T10:00:00Z",
            "fieldsV1": {"f:spec": {"f:hard": {"f:pods": {}}}},
        }])
    }

    fn observe(children: &ObservedChildren, child: &StoredChild) -> bool {
        children.observe(key(), "acme", Arc::new(child.clone()))
    }

    fn key() -> ChildKey {
        let mut quota = ResourceQuota::default();
        quota.metadata.name = Some("smb-tenant".into());
        quota.metadata.namespace = Some("t-acme".into());
        ChildKey::new(&quota)
    }

    /// After a restart, a child with the content that the operator builds is not applied again, whoever has written it since.
    #[test]
    fn an_unchanged_child_is_current_after_a_restart() {
        for others in [json!([]), edit()] {
            let children = ObservedChildren::default();
            observe(&children, &quota("5", "1k", &others));
            assert!(children.is_current(&key(), built("1000")));
            assert!(!children.is_current(&key(), built("20")), "the operator builds another child now");
        }
    }

    /// A write in the name of the operator that changes a field is found, also in the second of the operator's own write and
    /// while no operator runs.
    #[test]
    fn a_change_in_the_name_of_the_operator_is_found() {
        let forged = quota("6", "900", &json!([]));
        let restarted = ObservedChildren::default();
        assert!(observe(&restarted, &forged));
        assert!(!restarted.is_current(&key(), built("20")));
        let running = ObservedChildren::default();
        let own = quota("5", "20", &json!([]));
        running.record_applied(key(), "acme", built("20"), &own);
        assert!(!observe(&running, &own));
        assert!(observe(&running, &forged));
        assert!(!running.is_current(&key(), built("20")));
        assert_eq!(running.drift(&key(), built("20")), Some(Drift::Changed(Vec::new())));
    }

    /// A change by somebody else is drift, however soon it follows, and the operator's own write is not.
    #[test]
    fn the_change_of_another_manager_is_drift() {
        let children = ObservedChildren::default();
        let (own, edited) = (quota("5", "20", &json!([])), quota("6", "900", &edit()));
        children.record_applied(key(), "acme", built("20"), &own);
        assert!(!children.is_current(&key(), built("20")), "it is not observed yet");
        assert!(!observe(&children, &own));
        assert!(children.is_current(&key(), built("20")));
        assert!(observe(&children, &edited));
        let Some(Drift::Changed(writes)) = children.drift(&key(), built("20")) else { panic!("no drift") };
        assert_eq!(
            writes[0].describe(&json!({"spec": {"hard": {"pods": "20"}}})).unwrap(),
            "kubectl-edit: spec.hard.pods"
        );
        let corrected = quota("7", "20", &json!([]));
        children.record_applied(key(), "acme", built("20"), &corrected);
        assert!(children.drift(&key(), built("20")).is_none(), "the correction is not observed yet");
        observe(&children, &corrected);
        assert!(children.is_current(&key(), built("20")) && children.drift(&key(), built("20")).is_none());
    }

    /// An observation from before the operator's own write is no drift, and the child does not count as known until the write is
    /// observed.
    #[test]
    fn an_outdated_observation_is_no_drift() {
        let children = ObservedChildren::default();
        let (old, new) = (quota("5", "20", &json!([])), quota("6", "30", &json!([])));
        observe(&children, &old);
        children.record_applied(key(), "acme", built("30"), &new);
        assert!(!observe(&children, &old));
        assert!(children.drift(&key(), built("30")).is_none());
        assert!(!children.is_current(&key(), built("20")) && !children.is_current(&key(), built("30")));
    }

    /// The deletion of a child is drift, unless a newer child of that name exists.
    #[test]
    fn a_deleted_child_is_drift() {
        let children = ObservedChildren::default();
        observe(&children, &quota("5", "20", &json!([])));
        assert!(children.is_current(&key(), built("20")));
        assert!(!children.record_deleted(&key(), "u0"));
        assert!(children.record_deleted(&key(), "u1"));
        assert!(!children.is_current(&key(), built("20")));
        assert!(matches!(children.drift(&key(), built("20")), Some(Drift::Deleted)));
        assert_eq!(children.of_tenant("acme"), []);
        children.forget_deleted("acme");
        assert!(children.drift(&key(), built("20")).is_none());
    }
}
