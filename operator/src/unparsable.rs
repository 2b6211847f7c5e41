//! Objects that cannot be parsed. They are reported in their own status and are not reconciled.

use std::{collections::HashSet, convert::Infallible};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::error_boundary::InvalidObject,
    runtime::reflector::ObjectRef,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    api::Readable,
    errors::chain,
    metrics::{ControllerLabels, Metrics},
};

/// An object that a watch could not parse.
#[derive(Clone, Debug)]
pub(crate) struct Unparsable {
    resource: ApiResource,
    namespace: Option<String>,
    name: String,
    generation: Option<i64>,
    uid: String,
    error: String,
}

impl Unparsable {
    /// Returns the description of an object that cannot be parsed as kind `K`.
    pub(crate) fn from_invalid<K: Readable>(invalid: InvalidObject) -> Self {
        let metadata = invalid.metadata;
        Self {
            resource: ApiResource::erase::<K>(&()),
            namespace: metadata.namespace,
            name: metadata.name.unwrap_or_default(),
            generation: metadata.generation,
            uid: metadata.uid.unwrap_or_default(),
            error: invalid.error,
        }
    }

    /// Returns the UID of the object.
    pub(crate) fn uid(&self) -> &str {
        &self.uid
    }

    /// Returns the key of the object in a store.
    pub(crate) fn reference<K: Readable>(&self) -> ObjectRef<K> {
        let reference = ObjectRef::new(&self.name);
        match &self.namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        }
    }
}

/// Reports objects until `stop` is cancelled, with one status write for each state of an object that cannot
/// be parsed.
pub(crate) async fn report(
    client: Client,
    metrics: Metrics,
    mut objects: mpsc::Receiver<Unparsable>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut reported = HashSet::new();
    while let Some(Some(object)) = stop.run_until_cancelled(objects.recv()).await {
        // The report changes the object, so that the watch delivers it again.
        if !reported.insert((object.uid.clone(), object.generation, object.error.clone())) {
            continue;
        }
        metrics.unparsable.get_or_create(&ControllerLabels { controller: "unparsable" }).inc();
        tracing::warn!(
            kind = object.resource.kind,
            object.namespace = object.namespace,
            object.name = object.name,
            error = object.error,
            "failed to parse an object"
        );
        if let Err(error) = write_conditions(&client, &object).await {
            tracing::warn!(
                object.name = object.name,
                error = chain(&error),
                "failed to report an object that cannot be parsed in its status"
            );
        }
    }
    Ok(())
}

async fn write_conditions(client: &Client, object: &Unparsable) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = match &object.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &object.resource),
        None => Api::all_with(client.clone(), &object.resource),
    };
    let now = telemetry::clock::now().to_string();
    let condition = |type_: &str, status: &str| {
        json!({
            "type": type_, "status": status, "reason": "Unparsable", "lastTransitionTime": now,
            "observedGeneration": object.generation,
            "message": format!("this operator cannot parse the object: {}", object.error),
        })
    };
    let patch = json!({
        "apiVersion": object.resource.api_version,
        "kind": object.resource.kind,
        "metadata": {"name": object.name},
        "status": {"conditions": [condition("Ready", "False"), condition("Stalled", "True")]},
    });
    let params = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch_status(&object.name, &params, &Patch::Apply(&patch)).await.map(|_| ())
}
