//! The finalizer of tenants: it is added before the first child is created, and removed after the cleanup.

use std::sync::Arc;

use crds::{Tenant, labels};
use kube::{
    Api, ResourceExt as _,
    runtime::{
        controller::Action,
        finalizer::{Error as FinalizerError, Event, finalizer},
    },
};

use super::cleanup::{CleanupError, NAMESPACE_CHECK_INTERVAL, clean_up};
use crate::{
    api::failed,
    context::Context,
    errors::{Error, Verb},
};

/// Runs `apply` on a tenant that has the finalizer, and adds it to one that does not have it: that change
/// triggers the next reconcile. On a tenant that is being deleted, runs the cleanup and removes the
/// finalizer.
///
/// # Errors
/// Returns an error if `apply` or the cleanup fails, or if the finalizers cannot be patched.
pub(super) async fn with_finalizer<F>(
    ctx: &Context,
    tenant: Arc<Tenant>,
    apply: impl FnOnce(Arc<Tenant>) -> F,
) -> Result<Action, Error>
where
    F: Future<Output = Result<Action, Error>>,
{
    let api: Api<Tenant> = Api::all(ctx.client.clone());
    let name = tenant.name_any();
    let outcome = finalizer(&api, labels::FINALIZER, tenant, |event| async {
        match event {
            Event::Apply(tenant) => apply(tenant).await.map_err(CleanupError::Failed),
            Event::Cleanup(tenant) => clean_up(ctx, &tenant).await,
        }
    })
    .await;
    outcome.or_else(|error| match error {
        FinalizerError::ApplyFailed(error) | FinalizerError::CleanupFailed(error) => match error {
            CleanupError::Unfinished => Ok(Action::requeue(NAMESPACE_CHECK_INTERVAL)),
            CleanupError::Failed(error) => Err(error),
        },
        // Another client has removed the last finalizer, so the tenant was deleted.
        FinalizerError::RemoveFinalizer(kube::Error::Api(status)) if status.is_not_found() => {
            Ok(Action::await_change())
        }
        FinalizerError::AddFinalizer(source) | FinalizerError::RemoveFinalizer(source) => {
            Err(failed(Verb::PatchFinalizers, &api, &name)(source))
        }
        FinalizerError::UnnamedObject | FinalizerError::InvalidFinalizer => Err(Error::Finalizer { name }),
    })
}
