//! Tenants: a namespace for each, closed but for what its plan opens.

mod apply;
mod build;
mod cleanup;
mod fetch;
mod finalizer;
mod status;
mod validate;

use std::{sync::Arc, time::Duration};

use crds::{Tenant, names};
use kube::{ResourceExt as _, runtime::controller::Action};

use crate::{
    context::Context,
    errors::{Class, Error, chain},
};

/// Children are applied again after this, for what no watch shows: the addresses of the API server.
const RESYNC: Duration = Duration::from_secs(600);

/// Makes of a tenant what it asks for, and writes what is seen of it.
pub(crate) async fn reconcile(ctx: Arc<Context>, tenant: Arc<Tenant>) -> Result<Action, Error> {
    if tenant.metadata.deletion_timestamp.is_some() {
        return cleanup::clean_up(&ctx, &tenant).await;
    }
    let fetched = fetch::fetch(&ctx, tenant).await?;
    match validate::validate(&fetched, &ctx.config) {
        Ok(validated) => set_up(&ctx, &fetched.tenant, &validated).await,
        Err(refusal) => {
            status::write(&ctx, &fetched.tenant, status::Seen::Refused(refusal)).await?;
            Ok(Action::requeue(RESYNC))
        }
    }
}

async fn set_up(ctx: &Context, tenant: &Tenant, wanted: &validate::Validated) -> Result<Action, Error> {
    finalizer::ensure(ctx, tenant).await?;
    let applied = apply::apply(ctx, build::children(wanted, &ctx.config)?).await;
    match applied {
        Ok(applied) => status::write(ctx, tenant, status::Seen::Applied(applied, wanted)).await?,
        Err(error) if matches!(error.class(), Class::Invalid | Class::Bug) => {
            let refusal = validate::Refusal::ApplyFailed(chain(&error));
            status::write(ctx, tenant, status::Seen::Refused(refusal)).await?;
            return Err(error);
        }
        Err(error) => return Err(error),
    }
    Ok(Action::requeue(RESYNC))
}

/// The namespace of a tenant.
pub(crate) fn namespace_name(tenant: &Tenant) -> String {
    let named = tenant.spec.namespace.as_ref().and_then(|namespace| namespace.name.clone());
    named.unwrap_or_else(|| names::tenant_namespace(&tenant.name_any()))
}
