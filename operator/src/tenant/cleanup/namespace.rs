//! Step: the namespace is deleted with everything in it. One that the tenant has adopted is released instead.

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, ResourceExt as _};

use super::{Subject, blocked, publish, release, step::Progress};
use crate::{api, errors::Error, events::NewEvent, tenant::validate::was_created};

/// Deletes or releases the namespace of a tenant, and waits until this is complete.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn delete(subject: &Subject<'_>) -> Result<Progress, Error> {
    let Some(namespace) = &subject.namespace else { return Ok(Progress::Complete) };
    if namespace.metadata.deletion_timestamp.is_some() {
        return Ok(blocked::progress(namespace, telemetry::clock::now()));
    }
    let name = namespace.name_any();
    if !was_created(namespace) {
        return release::release(subject, &name).await;
    }
    let message = format!("namespace {name} is deleted with everything in it: spec.deletionPolicy is Delete");
    publish(subject, NewEvent::normal("CleanUp", "DeletingNamespace", message)).await;
    let namespaces: Api<Namespace> = Api::all(subject.ctx.client.clone());
    api::delete(&namespaces, &name, namespace.uid().as_deref()).await?;
    Ok(Progress::Waiting(format!("namespace {name} is being deleted")))
}
