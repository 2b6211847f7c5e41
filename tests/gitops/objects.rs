//! The objects of an Application in the cluster.

use std::collections::BTreeMap;

use anyhow::Context as _;
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
    discovery::{Scope, pinned_kind},
};
use serde_json::Value;

use super::application::Application;

/// Objects by kind, namespace and name, without what changes by itself: status, and the version that counts its changes.
#[derive(Debug, PartialEq)]
pub(super) struct Objects(BTreeMap<String, Value>);

impl Objects {
    /// Reads the objects of an Application.
    pub(super) async fn read(client: &Client, application: &Application) -> anyhow::Result<Self> {
        let mut kinds = BTreeMap::new();
        let mut objects = BTreeMap::new();
        for resource in application.status().await?.resources() {
            let text =
                |field: &str| resource.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            let gvk = GroupVersionKind::gvk(&text("group"), &text("version"), &text("kind"));
            if !kinds.contains_key(&gvk.kind) {
                kinds.insert(gvk.kind.clone(), kind(client, &gvk).await?);
            }
            let (kind, scope) = kinds.get(&gvk.kind).context("the kind was inserted")?;
            let api: Api<DynamicObject> = match scope {
                Scope::Cluster => Api::all_with(client.clone(), kind),
                Scope::Namespaced => Api::namespaced_with(client.clone(), &text("namespace"), kind),
            };
            let object = serde_json::to_value(api.get(&text("name")).await?)?;
            objects.insert(format!("{} {}/{}", gvk.kind, text("namespace"), text("name")), desired(object));
        }
        Ok(Self(objects))
    }

    /// Returns the number of objects.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

async fn kind(client: &Client, gvk: &GroupVersionKind) -> anyhow::Result<(ApiResource, Scope)> {
    let (kind, capabilities) = pinned_kind(client, gvk).await?;
    Ok((kind, capabilities.scope))
}

/// Returns what a synchronisation could write. A change of any field also changes `managedFields`.
fn desired(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.pointer_mut("/metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        if let Some(managers) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
            managers.retain(|manager| manager["subresource"] != "status");
        }
    }
    object
}
