//! Release of an adopted namespace: what the platform has created in it is deleted, then its mark. The namespace itself and what
//! others have created in it stay.

use crds::{Workflow, WorkflowRun, labels, names};
use k8s_openapi::{
    api::{
        apps::v1::ControllerRevision,
        core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota},
        networking::v1::NetworkPolicy,
        rbac::v1::RoleBinding,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, ResourceExt as _, api::ListParams, core::NamespaceResourceScope};

use super::{Subject, publish, step::Progress};
use crate::{
    api::{self, Readable, within},
    errors::Error,
    events::NewEvent,
};

/// Deletes the tenant's objects in an adopted namespace, and removes the mark of the tenant from the namespace.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn release(subject: &Subject<'_>, namespace: &str) -> Result<Progress, Error> {
    let client = &subject.ctx.client;
    let pods = subject.ctx.stores.pods.state_filter(|pod| pod.namespace().as_deref() == Some(namespace));
    if !pods.is_empty() {
        return Ok(Progress::Waiting(format!("{} runner pods are being deleted", pods.len())));
    }
    let everything = String::new();
    let own = format!("{}={}", labels::APP_MANAGED_BY, labels::MANAGED_BY);
    let mut remaining = delete_all::<WorkflowRun>(client, namespace, &everything).await?;
    remaining.extend(delete_all::<Workflow>(client, namespace, &everything).await?);
    remaining.extend(delete_all::<ControllerRevision>(client, namespace, &own).await?);
    remaining.extend(delete_all::<ConfigMap>(client, namespace, &own).await?);
    remaining.extend(delete_all::<ResourceQuota>(client, namespace, &own).await?);
    remaining.extend(delete_all::<LimitRange>(client, namespace, &own).await?);
    remaining.extend(delete_all::<NetworkPolicy>(client, namespace, &own).await?);
    if !remaining.is_empty() {
        return Ok(unfinished(&remaining));
    }
    let bindings = within::<RoleBinding>(client, namespace);
    api::delete(&bindings, names::OPERATOR_ROLE_BINDING, None).await?;
    // Server-side apply removes the fields that the operator has applied before and that are absent now.
    let released = Namespace {
        metadata: ObjectMeta { name: Some(namespace.to_owned()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    api::apply(&Api::<Namespace>::all(client.clone()), &released).await?;
    let message = format!("namespace {namespace} was adopted; it is released, and not deleted");
    publish(subject, NewEvent::normal("CleanUp", "NamespaceReleased", message)).await;
    Ok(Progress::Complete)
}

/// Object that is not deleted yet: its kind, its name, and its finalizers.
struct Remaining {
    kind: String,
    name: String,
    finalizers: Vec<String>,
}

/// Deletes all objects of a kind in a namespace that match a selector. Returns those that finalizers hold.
async fn delete_all<K>(client: &Client, namespace: &str, selector: &str) -> Result<Vec<Remaining>, Error>
where
    K: Readable + kube::Resource<Scope = NamespaceResourceScope>,
{
    let objects = within::<K>(client, namespace);
    let mut remaining = Vec::new();
    for object in api::list_metadata(&objects, ListParams::default().labels(selector)).await? {
        let name = object.name_any();
        if object.metadata.deletion_timestamp.is_none() {
            api::delete(&objects, &name, object.uid().as_deref()).await?;
        }
        let finalizers = object.finalizers().to_vec();
        if !finalizers.is_empty() {
            remaining.push(Remaining { kind: K::kind(&()).into_owned(), name, finalizers });
        }
    }
    Ok(remaining)
}

fn unfinished(remaining: &[Remaining]) -> Progress {
    let shown = remaining.iter().take(5).map(|Remaining { kind, name, finalizers }| {
        format!("{kind} {name} has the finalizers {}", finalizers.join(", "))
    });
    let shown: Vec<String> = shown.collect();
    Progress::Blocked(format!(
        "the namespace cannot be released: {}. Let the controller of each finalizer remove it",
        shown.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An object with a finalizer keeps the namespace from being released, and the message names both.
    #[test]
    fn a_foreign_finalizer_blocks_the_release() {
        let remaining = Remaining {
            kind: "Workflow".to_owned(),
            name: "intake".to_owned(),
            finalizers: vec!["acme.example/hold".to_owned()],
        };
        let Progress::Blocked(message) = unfinished(&[remaining]) else { panic!("not blocked") };
        assert!(message.contains("Workflow intake has the finalizers acme.example/hold"), "{message}");
    }
}
