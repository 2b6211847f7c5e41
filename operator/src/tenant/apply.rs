//! Writes of a tenant's children and status.

use std::time::Duration;

use backon::{ConstantBuilder, Retryable as _};
use crds::{Tenant, TenantStatus};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{Api, Client, Error as KubeError, Resource as _, ResourceExt as _};
use serde::Serialize;

use super::build::Children;
use crate::{
    api::{self, Readable, apply, within},
    context::Context,
    errors::Error,
    events::NewEvent,
};

/// Delay before a refused child is applied again. The API server applies a new role binding, and the
/// new label of an adopted namespace, only after some milliseconds.
const PERMISSION_DELAY: Duration = Duration::from_millis(50);
/// Maximum number of times that a refused child is applied again.
const MAX_PERMISSION_RETRIES: usize = 19;

/// Proof that all children of a tenant are applied.
pub(super) struct Applied {
    /// Name of the tenant's namespace.
    pub(super) namespace: String,
}

/// Applies all children of a tenant, in the order of their dependencies. The network policies are in place
/// before users get access and runners get a service account.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a child. The children before it are applied.
pub(super) async fn apply_children(client: &Client, children: Children) -> Result<Applied, Error> {
    let Children {
        namespace,
        operator: operator_binding,
        policies,
        quota,
        limits,
        settings,
        account,
        runner: runner_binding,
        access,
    } = children;
    let name = namespace.name_any();
    apply::<Namespace>(&Api::all(client.clone()), &namespace).await?;
    let bindings = within::<RoleBinding>(client, &name);
    apply_when_allowed(&bindings, &operator_binding).await?;
    let network = within::<NetworkPolicy>(client, &name);
    for policy in &policies {
        apply_when_allowed(&network, policy).await?;
    }
    apply(&within::<ResourceQuota>(client, &name), &quota).await?;
    apply(&within::<LimitRange>(client, &name), &limits).await?;
    apply(&within::<ConfigMap>(client, &name), &settings).await?;
    apply(&within::<ServiceAccount>(client, &name), &account).await?;
    for binding in [runner_binding].iter().chain(&access) {
        apply(&bindings, binding).await?;
    }
    Ok(Applied { namespace: name })
}

/// Applies a child, and retries while the API server does not yet consider the permissions that the children before it give.
async fn apply_when_allowed<K: Readable + Serialize>(api: &Api<K>, child: &K) -> Result<(), Error> {
    let backoff =
        ConstantBuilder::default().with_delay(PERMISSION_DELAY).with_max_times(MAX_PERMISSION_RETRIES);
    let attempt = || async { apply(api, child).await.map(|_| ()) };
    attempt.retry(backoff).when(is_forbidden).await
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api { source, .. } if matches!(&**source, KubeError::Api(status) if status.is_forbidden()))
}

/// Writes the status of a tenant, and publishes an Event about its transition.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status.
pub(super) async fn apply_status(
    ctx: &Context,
    tenant: &Tenant,
    status: &TenantStatus,
    event: Option<NewEvent>,
) -> Result<(), Error> {
    let api: Api<Tenant> = Api::all(ctx.client.clone());
    api::apply_status(&api, &tenant.name_any(), status).await?;
    if let Some(event) = event {
        ctx.events.publish(&tenant.object_ref(&()), event).await;
    }
    Ok(())
}
