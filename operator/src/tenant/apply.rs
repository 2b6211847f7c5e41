//! Writes of a tenant's children and status.

use std::{collections::BTreeSet, iter, time::Duration};

use backon::{BackoffBuilder as _, ConstantBuilder};
use crds::{Tenant, TenantStatus};
use k8s_openapi::api::{
    core::v1::{ConfigMap, LimitRange, Namespace, ResourceQuota, ServiceAccount},
    networking::v1::NetworkPolicy,
    rbac::v1::RoleBinding,
};
use kube::{Api, Error as KubeError, Resource as _, ResourceExt as _};
use serde::Serialize;
use serde_json::Value;

use super::{
    build::{Children, mark},
    sweep,
};
use crate::{
    api::{self, Readable, apply, create, within},
    context::Context,
    errors::Error,
    events::NewEvent,
    state::{ChildKey, ContentHash, Drift, StoredChild},
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

/// Applies the children of a tenant that are not as they should be, in the order of their dependencies, and deletes those that
/// the operator does not build any more. The network policies are in place before users get access and runners get a service
/// account.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses a child. The children before it are applied.
pub(super) async fn apply_children(
    ctx: &Context,
    tenant: &Tenant,
    children: Children,
) -> Result<Applied, Error> {
    let name = children.namespace.name_any();
    let mut applier = ChildApplier::new(ctx, tenant);
    let result = applier.apply_all(children, &name).await;
    // Drift that was corrected is not drift at the next attempt, so it is also reported if a later child is refused.
    applier.report_drift().await;
    result?;
    sweep::delete_obsolete(ctx, &tenant.name_any(), &name, &applier.built).await?;
    Ok(Applied { namespace: name })
}

/// Applies the children of one tenant.
struct ChildApplier<'a> {
    ctx: &'a Context,
    tenant: &'a Tenant,
    slug: String,
    /// Children that have been applied or are as they should be.
    built: BTreeSet<ChildKey>,
    /// Whether the namespace was created or changed. What was known of the children may then be outdated.
    namespace_changed: bool,
    /// Whether the namespace was deleted by somebody, and all children with it.
    namespace_was_deleted: bool,
    drifted: Vec<String>,
}

impl<'a> ChildApplier<'a> {
    fn new(ctx: &'a Context, tenant: &'a Tenant) -> Self {
        Self {
            ctx,
            tenant,
            slug: tenant.name_any(),
            built: BTreeSet::new(),
            namespace_changed: false,
            namespace_was_deleted: false,
            drifted: Vec::new(),
        }
    }

    /// Applies the children in the order of their dependencies.
    async fn apply_all(&mut self, children: Children, name: &str) -> Result<(), Error> {
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
        let client = &self.ctx.client;
        self.apply_namespace(&Api::all(client.clone()), namespace).await?;
        let bindings = within::<RoleBinding>(client, name);
        self.apply_when_allowed(&bindings, operator_binding).await?;
        let network = within::<NetworkPolicy>(client, name);
        for policy in policies {
            self.apply_when_allowed(&network, policy).await?;
        }
        self.apply(&within::<ResourceQuota>(client, name), quota).await?;
        self.apply(&within::<LimitRange>(client, name), limits).await?;
        self.apply(&within::<ConfigMap>(client, name), settings).await?;
        self.apply(&within::<ServiceAccount>(client, name), account).await?;
        for binding in iter::once(runner_binding).chain(access) {
            self.apply(&bindings, binding).await?;
        }
        Ok(())
    }

    /// Applies a child unless it is as it should be.
    async fn apply<K: Readable + Serialize>(&mut self, api: &Api<K>, child: K) -> Result<(), Error> {
        let key = ChildKey::new(&child);
        let built = encode(&child)?;
        let content = ContentHash::of_built(&key.kind, &built);
        self.built.insert(key.clone());
        if !self.namespace_changed && self.ctx.children.is_current(&key, content) {
            return Ok(());
        }
        let drift = self.ctx.children.drift(&key, content);
        self.write(api, &child, drift).await
    }

    /// Applies a child to which something was done.
    async fn write<K: Readable + Serialize>(
        &mut self,
        api: &Api<K>,
        child: &K,
        drift: Option<Drift>,
    ) -> Result<(), Error> {
        let (key, built) = (ChildKey::new(child), encode(child)?);
        let content = ContentHash::of_built(&key.kind, &built);
        // With its namespace, every child is deleted; the namespace alone is reported then.
        let drift = drift.filter(|drift| !self.namespace_was_deleted || *drift != Drift::Deleted);
        let applied = apply(api, child).await?;
        if key.namespace.is_empty() {
            self.namespace_changed = true;
            self.namespace_was_deleted = drift == Some(Drift::Deleted);
        }
        self.drifted.extend(drift.map(|drift| describe(&key, &drift, &built)));
        self.ctx.children.record_applied(key, &self.slug, content, &StoredChild::new(&applied));
        Ok(())
    }

    /// Applies the namespace. One that does not exist is created first: of two tenants that name it, one gets it, and the other a
    /// conflict.
    async fn apply_namespace(&mut self, api: &Api<Namespace>, mut namespace: Namespace) -> Result<(), Error> {
        if namespace.metadata.uid.is_some() {
            return self.apply(api, namespace).await;
        }
        let key = ChildKey::new(&namespace);
        let content = ContentHash::of_built(&key.kind, &encode(&namespace)?);
        // The creation may be observed before the namespace is applied.
        let drift = self.ctx.children.drift(&key, content).filter(|drift| *drift == Drift::Deleted);
        self.built.insert(key);
        namespace.metadata.uid = create(api, &mark(&namespace)).await?.uid();
        self.write(api, &namespace, drift).await
    }

    /// Applies a child, and retries while the API server does not yet consider the permissions that the children before it give.
    async fn apply_when_allowed<K: Readable + Serialize>(
        &mut self,
        api: &Api<K>,
        child: K,
    ) -> Result<(), Error> {
        let mut delays = ConstantBuilder::default()
            .with_delay(PERMISSION_DELAY)
            .with_max_times(MAX_PERMISSION_RETRIES)
            .build();
        loop {
            match self.apply(api, child.clone()).await {
                Err(error) if is_forbidden(&error) => match delays.next() {
                    Some(delay) => tokio::time::sleep(delay).await,
                    None => return Err(error),
                },
                result => return result,
            }
        }
    }

    /// Publishes an Event about the drift that was corrected, if any was.
    async fn report_drift(&self) {
        if !self.drifted.is_empty() {
            let event = NewEvent::warning("SetUp", "DriftCorrected", self.drifted.join("; "));
            self.ctx.events.publish(&self.tenant.object_ref(&()), event).await;
        }
    }
}

fn encode(child: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(child).map_err(|source| Error::Encode { what: "a child of a tenant", source })
}

/// Returns what was done to a child. A field that somebody has removed, or changed in the name of the operator, has no other owner.
fn describe(key: &ChildKey, drift: &Drift, built: &Value) -> String {
    let ChildKey { kind, name, .. } = key;
    match drift {
        Drift::Deleted => format!("{kind} {name} was deleted and is created again"),
        Drift::Changed(writes) => {
            let writes: Vec<_> = writes.iter().filter_map(|write| write.describe(built)).collect();
            if writes.is_empty() {
                return format!(
                    "fields of {kind} {name} were removed, or changed in the operator's name, and are restored"
                );
            }
            format!("{kind} {name} was changed by {} and is restored", writes.join("; "))
        }
    }
}

fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api { source, .. } if matches!(&**source, KubeError::Api(status) if status.is_forbidden()))
}

/// Deletes an archived Tenant whose retention has ended; the cleanup then deletes its data.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the request, and a conflict if the tenant has been written
/// meanwhile: it may be active again.
pub(super) async fn purge(ctx: &Context, tenant: &Tenant) -> Result<(), Error> {
    let event = NewEvent::normal(
        "Purge",
        "Purging",
        "the Tenant is deleted with its data: it is archived, exported, and its retention has ended",
    );
    ctx.events.publish(&tenant.object_ref(&()), event).await;
    api::delete_unchanged(&Api::<Tenant>::all(ctx.client.clone()), tenant).await
}

/// Writes the status of a tenant, publishes Events about its transition, and returns the tenant as it is stored.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses the status.
pub(super) async fn apply_status(
    ctx: &Context,
    tenant: &Tenant,
    status: &TenantStatus,
    events: impl IntoIterator<Item = NewEvent>,
) -> Result<Tenant, Error> {
    let api: Api<Tenant> = Api::all(ctx.client.clone());
    let written = api::apply_status(&api, &tenant.name_any(), status).await?;
    for event in events {
        ctx.events.publish(&tenant.object_ref(&()), event).await;
    }
    Ok(written)
}
