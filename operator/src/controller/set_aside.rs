//! Objects that are set aside: their reconcile takes too long, makes something too large, or panics. They are reconciled
//! again after their next change, or after a long delay. The condition `Stalled` says so.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crds::conditions::{self, ConditionUpdate};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{
    Api, ResourceExt as _,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    runtime::reflector::ObjectRef,
};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::Reconciled;
use crate::{
    context::Context,
    errors::{Error, chain},
};

/// Timeout of writing the condition, with two requests of 10 ms each.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Field manager of the condition `Stalled` of objects that are set aside.
const SET_ASIDE_MANAGER: &str = "smb-copilot-operator-set-aside";
/// Reason of the condition `Stalled` after the object was reconciled again.
const RELEASED_REASON: &str = "Reconciled";

/// The objects of one kind that are set aside. After a restart each of them is reconciled once, since the new operator may
/// be another release.
pub(super) struct SetAside<K: Reconciled> {
    /// Reason of the condition `Stalled` of these objects.
    reason: &'static str,
    objects: Mutex<HashMap<ObjectRef<K>, Entry>>,
}

struct Entry {
    /// UID and generation of the object: another one has changed.
    version: (Option<String>, Option<i64>),
    until: Instant,
}

impl<K: Reconciled> SetAside<K> {
    pub(super) fn new(reason: &'static str) -> Self {
        Self { reason, objects: Mutex::new(HashMap::new()) }
    }

    /// Returns the time for which an object stays set aside.
    pub(super) fn remaining(&self, object: &K, now: Instant) -> Option<Duration> {
        let objects = self.lock();
        let entry = objects.get(&ObjectRef::from_obj(object))?;
        (entry.version == version(object) && entry.until > now).then(|| entry.until.duration_since(now))
    }

    /// Sets an object aside for some time.
    pub(super) async fn add(
        &self,
        ctx: &Context,
        controller: &'static str,
        object: &K,
        error: &Error,
        delay: Duration,
    ) {
        let entry = Entry { version: version(object), until: Instant::now() + delay };
        self.lock().insert(ObjectRef::from_obj(object), entry);
        let message = format!(
            "the object is set aside until it is changed, and is tried again from time to time: {}",
            chain(error)
        );
        let stalled = ConditionUpdate {
            kind: conditions::STALLED,
            status: conditions::TRUE,
            reason: self.reason,
            message,
            generation: object.meta().generation,
        };
        self.write_condition(ctx, controller, object, stalled).await;
    }

    /// Records that an object was reconciled, also one that was set aside before a restart. Returns whether it was set
    /// aside.
    pub(super) async fn release(&self, ctx: &Context, controller: &'static str, object: &K) -> bool {
        let was_set_aside = self.lock().remove(&ObjectRef::from_obj(object)).is_some();
        let stalled = conditions::get(object.conditions(), conditions::STALLED);
        let is_marked = stalled.is_some_and(|stalled| stalled.reason == self.reason);
        if was_set_aside || is_marked {
            let released = ConditionUpdate {
                kind: conditions::STALLED,
                status: conditions::FALSE,
                reason: RELEASED_REASON,
                message: String::new(),
                generation: object.meta().generation,
            };
            self.write_condition(ctx, controller, object, released).await;
        }
        was_set_aside
    }

    /// Forgets an object that was deleted.
    pub(super) fn forget(&self, object: &ObjectRef<K>) {
        self.lock().remove(object);
    }

    /// Returns the number of objects that are set aside.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Writes a condition. A failure is logged: it never makes the caller fail.
    async fn write_condition(
        &self,
        ctx: &Context,
        controller: &'static str,
        object: &K,
        condition: ConditionUpdate<'_>,
    ) {
        let name = object.name_any();
        let written = timeout(WRITE_TIMEOUT, self.try_write_condition(ctx, object, &name, condition)).await;
        let error = match written {
            Ok(Ok(())) => return,
            Ok(Err(error)) => chain(&error),
            Err(elapsed) => elapsed.to_string(),
        };
        tracing::warn!(
            controller,
            object.namespace = object.namespace(),
            object.name = name,
            error,
            "failed to write whether an object is set aside"
        );
    }

    /// The condition is read again, since the reconcile may have written it. It is applied with a field manager of its own, so
    /// that no other condition is written.
    async fn try_write_condition(
        &self,
        ctx: &Context,
        object: &K,
        name: &str,
        condition: ConditionUpdate<'_>,
    ) -> Result<(), kube::Error> {
        let resource = ApiResource::erase::<K>(&());
        let api: Api<DynamicObject> = match object.namespace() {
            Some(namespace) => Api::namespaced_with(ctx.client.clone(), &namespace, &resource),
            None => Api::all_with(ctx.client.clone(), &resource),
        };
        // A new object of the same name is not marked.
        let current = api.get_opt(name).await?.filter(|current| current.metadata.uid == object.meta().uid);
        let Some(current) = current else { return Ok(()) };
        let mut stalled: Vec<Condition> = stalled_condition(&current).into_iter().collect();
        let is_set_aside = stalled.iter().any(|stalled| stalled.reason == self.reason);
        let is_release = condition.status == conditions::FALSE;
        if (is_release && !is_set_aside)
            || !conditions::set(&mut stalled, condition, Time(telemetry::clock::now()))
        {
            return Ok(());
        }
        let patch = json!({
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": name},
            "status": {"conditions": stalled},
        });
        let params = PatchParams::apply(SET_ASIDE_MANAGER).force();
        api.patch_status(name, &params, &Patch::Apply(&patch)).await.map(drop)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ObjectRef<K>, Entry>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the condition `Stalled` of an object.
fn stalled_condition(object: &DynamicObject) -> Option<Condition> {
    let all = object.data.pointer("/status/conditions")?.as_array()?;
    let stalled = all.iter().find(|condition| {
        condition.get("type").and_then(serde_json::Value::as_str) == Some(conditions::STALLED)
    })?;
    serde_json::from_value(stalled.clone()).ok()
}

fn version<K: Reconciled>(object: &K) -> (Option<String>, Option<i64>) {
    (object.meta().uid.clone(), object.meta().generation)
}
