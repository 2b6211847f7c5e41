//! Objects that cannot be parsed: reported on the object itself, and otherwise left alone.

use std::{collections::HashSet, sync::Arc};

use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
    core::error_boundary::InvalidObject,
    runtime::reflector::ObjectRef,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{api::Readable, context::Context, errors::chain, metrics::ByController};

/// An object that the watch could not parse.
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
    /// What is known of an object of kind `K` that does not parse as one.
    pub(crate) fn of<K: Readable>(invalid: InvalidObject) -> Self {
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

    /// Where it would be in a store.
    pub(crate) fn reference<K: Readable>(&self) -> ObjectRef<K> {
        let reference = ObjectRef::new(&self.name);
        match &self.namespace {
            Some(namespace) => reference.within(namespace),
            None => reference,
        }
    }
}

/// Reports objects until asked to stop: one status write for each state of an object that cannot be parsed.
pub(crate) async fn report(
    ctx: Arc<Context>,
    mut objects: mpsc::Receiver<Unparsable>,
    stop: CancellationToken,
) -> Result<(), std::convert::Infallible> {
    let mut reported = HashSet::new();
    while let Some(Some(object)) = stop.run_until_cancelled(objects.recv()).await {
        // Our own report changes the object, and brings it back here.
        if !reported.insert((object.uid.clone(), object.generation, object.error.clone())) {
            continue;
        }
        let controller = ByController { controller: "unparsable" };
        ctx.metrics.unparsable.get_or_create(&controller).inc();
        tracing::warn!(
            kind = object.resource.kind,
            object.namespace = object.namespace,
            object.name = object.name,
            error = object.error,
            "an object cannot be parsed"
        );
        if let Err(error) = write(&ctx.client, &object).await {
            tracing::warn!(
                object.name = object.name,
                error = chain(&error),
                "failed to report it on the object"
            );
        }
    }
    Ok(())
}

async fn write(client: &Client, object: &Unparsable) -> Result<(), kube::Error> {
    let api: Api<DynamicObject> = match &object.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &object.resource),
        None => Api::all_with(client.clone(), &object.resource),
    };
    let now = telemetry::clock::now().to_string();
    let condition = |type_: &str, status: &str| {
        json!({
            "type": type_, "status": status, "reason": "Unparsable", "lastTransitionTime": now,
            "observedGeneration": object.generation,
            "message": format!("this operator cannot read the object: {}", object.error),
        })
    };
    let patch = json!({
        "apiVersion": object.resource.api_version,
        "kind": object.resource.kind,
        "metadata": {"name": object.name},
        "status": {"conditions": [condition("Ready", "False"), condition("Stalled", "True")]},
    });
    let ours = PatchParams::apply(crds::constants::OPERATOR_MANAGER).force();
    api.patch_status(&object.name, &ours, &Patch::Apply(&patch)).await.map(|_| ())
}
