//! Each child of a tenant that somebody changes or deletes, while all others stay as they are.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Context as _;
use crds::labels;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams},
};
use serde_json::{Value, json};
use tests::{
    kinds::{self, Resource},
    wait,
};

use super::{DEADLINE, NAMESPACE_DEADLINE, drift::notes, fixture::Fixture, objects, process};

const INTRUDER: &str = "an-intruder";
/// Deadline of an Event once the child exists again: many times the milliseconds between the two writes.
const EVENT_DEADLINE: Duration = Duration::from_secs(15);
/// Number of times that a child is deleted until the operator has reported it.
const MAX_DELETIONS: usize = 4;

/// A child of a tenant.
struct Child {
    kind: String,
    name: String,
    api: Api<DynamicObject>,
}

/// Returns a change of a field that the operator builds, and the field's name in the Event. A kind without one fails the tests.
fn change(kind: &str) -> Option<(Value, &'static str)> {
    let mallory = json!([{"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"}]);
    let enforce = "pod-security.kubernetes.io/enforce";
    Some(match kind {
        "Namespace" => (
            json!({"metadata": {"labels": {enforce: "privileged"}}}),
            "metadata.labels.pod-security.kubernetes.io/enforce",
        ),
        "NetworkPolicy" => (json!({"spec": {"policyTypes": ["Ingress"]}}), "spec.policyTypes"),
        "ResourceQuota" => (json!({"spec": {"hard": {"pods": "1000"}}}), "spec.hard.pods"),
        "LimitRange" => (
            json!({"spec": {"limits": [{"type": "Container", "default": {"memory": "64Gi"}}]}}),
            "spec.limits",
        ),
        "ConfigMap" => (json!({"data": {"name": "globex"}}), "data.name"),
        "ServiceAccount" => (json!({"automountServiceAccountToken": true}), "automountServiceAccountToken"),
        "RoleBinding" => (json!({"subjects": mallory}), "subjects"),
        _ => return None,
    })
}

/// Returns the children of a tenant: its namespace, and the objects of every kind in it that the operator manages.
async fn children(fixture: &Fixture) -> anyhow::Result<Vec<Child>> {
    let served = kinds::served(&fixture.client).await?;
    let mut found = vec![Child {
        kind: "Namespace".to_owned(),
        name: fixture.namespace.clone(),
        api: Api::all_with(fixture.client.clone(), &kubernetes_namespaces(&served)?.api_resource()),
    }];
    let own = ListParams::default().labels(&format!("{}={}", labels::APP_MANAGED_BY, labels::MANAGED_BY));
    let listed = served.iter().filter(|it| it.namespaced && it.offers("list") && !it.plural.contains('/'));
    for resource in listed {
        let resource = resource.api_resource();
        let api: Api<DynamicObject> =
            Api::namespaced_with(fixture.client.clone(), &fixture.namespace, &resource);
        for object in api.list_metadata(&own).await? {
            found.push(Child { kind: resource.kind.clone(), name: object.name_any(), api: api.clone() });
        }
    }
    Ok(found)
}

fn kubernetes_namespaces(served: &[Resource]) -> anyhow::Result<&Resource> {
    served.iter().find(|it| it.name() == "namespaces").context("the API server serves no namespaces")
}

impl Child {
    /// Returns what a change can concern: everything but the status, and of the metadata the labels.
    async fn content(&self) -> anyhow::Result<Value> {
        let object = self.api.get(&self.name).await?;
        let mut content = object.data.clone();
        if let Some(fields) = content.as_object_mut() {
            fields.insert("metadata".to_owned(), json!(object.labels()));
            fields.remove("status");
        }
        Ok(content)
    }

    /// Changes one field, and waits until an Event names it and its manager, and the child is as before. The change is repeated
    /// while there is no Event, since other tests kill the operator.
    async fn is_restored(&self, fixture: &Fixture) -> anyhow::Result<()> {
        let Self { kind, name, api } = self;
        let (patch, field) =
            change(kind).with_context(|| format!("no change of a {kind} is tested: {name}"))?;
        let before = self.content().await?;
        let params = PatchParams { field_manager: Some(INTRUDER.to_owned()), ..PatchParams::default() };
        let expected = format!("{kind} {name} was changed by {INTRUDER}: {field}");
        let corrected = async || {
            if self.content().await? == before {
                api.patch(name, &params, &Patch::Merge(&patch)).await?;
            }
            notes(fixture, "DriftCorrected").await
        };
        let names_it = |notes: &Vec<String>| notes.iter().any(|note| note.contains(&expected));
        wait::until(&expected, DEADLINE, corrected, names_it).await?;
        let what = format!("{kind} {name} is as before");
        wait::until(&what, DEADLINE, async || self.content().await, |now| *now == before).await.map(drop)
    }

    /// Deletes the child, and waits until it exists again and an Event names it. The deletion is repeated if there is no Event, since
    /// an operator that has just started may not know yet that the child existed.
    async fn is_created_again(&self, fixture: &Fixture) -> anyhow::Result<()> {
        let Self { kind, name, api } = self;
        let expected = format!("{kind} {name} was deleted and is created again");
        let _same = process::retain().await;
        let mut reported = Ok(Vec::new());
        for _ in 0..MAX_DELETIONS {
            let deleted = api.get_metadata(name).await?.uid();
            api.delete(name, &DeleteParams::default()).await?;
            let found = async || Ok(api.get_metadata_opt(name).await?.and_then(|found| found.uid()));
            let is_new = |found: &Option<String>| found.is_some() && *found != deleted;
            wait::until(&format!("{kind} {name} exists"), NAMESPACE_DEADLINE, found, is_new).await?;
            let notes = async || notes(fixture, "DriftCorrected").await;
            let names_it = |notes: &Vec<String>| notes.iter().any(|note| note.contains(&expected));
            reported = wait::until(&expected, EVENT_DEADLINE, notes, names_it).await;
            if reported.is_ok() {
                break;
            }
        }
        reported.map(drop)
    }
}

/// Whichever child of a tenant somebody changes, the change is undone, and an Event names child, field and manager. Every kind of
/// child is tested, whether this test knows it or not.
#[tokio::test]
async fn every_child_that_alone_is_changed_is_restored_and_reported() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("changed", objects::plan()).await?;
    let children = children(&fixture).await?;
    let kinds: BTreeSet<_> = children.iter().map(|child| child.kind.as_str()).collect();
    assert_eq!((kinds.len(), children.len()), (7, 16), "{kinds:?}");
    for child in &children {
        child.is_restored(&fixture).await?;
    }
    Ok(())
}

/// Whichever child of a tenant somebody deletes, it is created again, and an Event names it. If it is the namespace, the Event
/// names it alone.
#[tokio::test]
async fn every_child_that_alone_is_deleted_is_created_again_and_reported() -> anyhow::Result<()> {
    let fixture = Fixture::with_tenant("deleted", objects::plan()).await?;
    let children = children(&fixture).await?;
    // The namespace is the first one, and its deletion deletes all others.
    for child in children.iter().rev() {
        child.is_created_again(&fixture).await?;
    }
    fixture.tenant_with_ready("True").await.map(drop)
}
