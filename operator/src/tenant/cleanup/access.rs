//! Step: nobody has access any more. The role bindings of users and runners are deleted, and the service account of runners, with
//! which their tokens become invalid. The operator's own binding stays, since later steps need it.

use crds::{labels, names};
use k8s_openapi::api::{core::v1::ServiceAccount, rbac::v1::RoleBinding};
use kube::{Error as KubeError, ResourceExt as _, api::ListParams};

use super::{Subject, step::Progress};
use crate::{
    api::{self, within},
    context::Context,
    errors::Error,
};

/// Deletes the role bindings and the service account that the operator has created in the tenant's namespace.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(super) async fn revoke(subject: &Subject<'_>) -> Result<Progress, Error> {
    if let Some(namespace) = &subject.namespace {
        revoke_access(subject.ctx, &namespace.name_any()).await?;
    }
    Ok(Progress::Complete)
}

/// Deletes the role bindings and the service account that the operator has created in a namespace.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a request.
pub(in crate::tenant) async fn revoke_access(ctx: &Context, namespace: &str) -> Result<(), Error> {
    let bindings = within::<RoleBinding>(&ctx.client, namespace);
    let own_selector = format!("{}={}", labels::APP_MANAGED_BY, labels::MANAGED_BY);
    for binding in api::list_metadata(&bindings, ListParams::default().labels(&own_selector)).await? {
        if binding.name_any() != names::OPERATOR_ROLE_BINDING {
            api::delete(&bindings, &binding.name_any(), binding.uid().as_deref()).await?;
        }
    }
    let accounts = within::<ServiceAccount>(&ctx.client, namespace);
    match api::delete(&accounts, names::RUNNER_SERVICE_ACCOUNT, None).await {
        // Without the operator's own binding, as in a namespace of which a part is deleted already, it may delete no service
        // account; one without a role binding permits nothing.
        Err(Error::Api { source, .. }) if is_forbidden(&source) => {
            tracing::warn!(object.namespace = namespace, "the service account of runners cannot be deleted");
            Ok(())
        }
        outcome => outcome,
    }
}

fn is_forbidden(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if status.is_forbidden())
}
