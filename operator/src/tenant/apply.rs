//! Applies a tenant's children, in the order in which each makes the next possible.

use std::time::Duration;

use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{Api, Error as KubeError, ResourceExt as _};

use super::build::Children;
use crate::{
    api::{apply as put, within},
    context::Context,
    errors::Error,
};

/// The API server learns of a role binding of its own some milliseconds after it has stored it.
const BINDING_LAG: Duration = Duration::from_millis(50);
/// So the first child may be refused this often.
const BINDING_TRIES: u32 = 20;

/// Proof that all children stand.
pub(super) struct Applied {
    /// Where.
    pub(super) namespace: String,
}

/// Applies them all. The namespace closes itself (policies) before anybody gets access or a runner an account.
///
/// # Errors
/// The API server refuses one, or cannot be asked; those before it stand.
pub(super) async fn apply(ctx: &Context, children: Children) -> Result<Applied, Error> {
    let Children { namespace, operator, policies, quota, limits, settings, account, runner, access } =
        children;
    let client = &ctx.client;
    let name = namespace.name_any();
    put::<Namespace>(&Api::all(client.clone()), &namespace).await?;
    let bindings = within::<RoleBinding>(client, &name);
    put(&bindings, &operator).await?;
    let network = within::<NetworkPolicy>(client, &name);
    for policy in &policies {
        put_when_allowed(&network, policy).await?;
    }
    put(&within::<ResourceQuota>(client, &name), &quota).await?;
    put(&within::<LimitRange>(client, &name), &limits).await?;
    put(&within::<ConfigMap>(client, &name), &settings).await?;
    put(&within::<ServiceAccount>(client, &name), &account).await?;
    for binding in [runner].iter().chain(&access) {
        put(&bindings, binding).await?;
    }
    Ok(Applied { namespace: name })
}

async fn put_when_allowed(api: &Api<NetworkPolicy>, policy: &NetworkPolicy) -> Result<(), Error> {
    for _ in 1..BINDING_TRIES {
        match put(api, policy).await {
            Err(Error::Api { source, .. }) if is_forbidden(&source) => tokio::time::sleep(BINDING_LAG).await,
            other => return other.map(|_| ()),
        }
    }
    put(api, policy).await.map(|_| ())
}

fn is_forbidden(error: &KubeError) -> bool {
    matches!(error, KubeError::Api(status) if status.is_forbidden())
}
