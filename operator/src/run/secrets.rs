//! Whether the Secrets that a run is to get are there, and may be given to it.

use crds::{
    labels,
    workflow::{ErrorKind, WorkflowSecret},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Client, ResourceExt as _};

use super::decide::End;
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// The keys of a Secret that workflows may name; none where it is not there, or not labelled for it.
///
/// # Errors
/// The API server cannot be asked.
pub(crate) async fn keys(client: &Client, namespace: &str, name: &str) -> Result<Found, Error> {
    let Some(secret) = api::get(&within::<Secret>(client, namespace), name).await? else {
        return Ok(Found::Nothing);
    };
    if secret.labels().get(labels::WORKFLOW_SECRET).is_none_or(|label| label != "true") {
        return Ok(Found::NotForWorkflows);
    }
    Ok(Found::Keys(secret.data.unwrap_or_default().into_keys().collect()))
}

/// What is found of a Secret. Its values are never kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// There is none of that name.
    Nothing,
    /// There is one, without the label by which an admin allows workflows to name it.
    NotForWorkflows,
    /// There is one, with these keys.
    Keys(Vec<String>),
}

/// Why a run cannot have its Secrets: a pod that mounts one that is not there would wait for ever, and one that lost
/// its label may not be given any more.
///
/// # Errors
/// The API server cannot be asked.
pub(super) async fn missing(
    ctx: &Context,
    namespace: &str,
    secrets: &[WorkflowSecret],
) -> Result<Option<End>, Error> {
    for WorkflowSecret { name, secret_ref } in secrets {
        let of = &secret_ref.name;
        let message = match keys(&ctx.client, namespace, of).await? {
            Found::Keys(_) => continue,
            Found::Nothing => format!("secrets.{name}: there is no Secret {of}"),
            Found::NotForWorkflows => {
                format!("secrets.{name}: Secret {of} lacks the label {}=true", labels::WORKFLOW_SECRET)
            }
        };
        return Ok(Some(End::failed(ErrorKind::User, "SECRET_MISSING", message)));
    }
    Ok(None)
}
