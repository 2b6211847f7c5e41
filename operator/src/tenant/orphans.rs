//! Namespaces whose Tenant does not exist any more although no cleanup has taken place: somebody has removed its finalizer. As in the
//! cleanup of a tenant whose data is retained, nobody keeps access to them; the run controller ends their runs.

use std::{collections::HashSet, convert::Infallible, sync::Arc, time::Duration};

use crds::Tenant;
use kube::ResourceExt as _;
use tokio_util::sync::CancellationToken;

use super::cleanup::revoke_access;
use crate::{
    context::Context,
    errors::{Error, chain, without_panic},
    state::MarkedNamespace,
};

/// Interval between sweeps, for which the users of such a namespace have access at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(60);

/// Revokes the access to such namespaces at once and then at every interval, until `stop` is cancelled.
pub(crate) async fn sweep(ctx: Arc<Context>, stop: CancellationToken) -> Result<(), Infallible> {
    let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
    let mut revoked = HashSet::new();
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Err(error) = without_panic(sweep_once(&ctx, &mut revoked)).await {
            tracing::warn!(
                error = chain(&error),
                "failed to revoke the access to namespaces without a tenant"
            );
        }
    }
    Ok(())
}

/// Revokes the access to the namespaces that are not among the `revoked` ones yet.
async fn sweep_once(ctx: &Context, revoked: &mut HashSet<MarkedNamespace>) -> Result<(), Error> {
    let tenants = ctx.stores.tenants.state();
    let tenants = tenants.iter().filter_map(|tenant| tenant.uid());
    // Tenants that cannot be parsed exist.
    let tenants = tenants.chain(ctx.stores.unparsable.uids::<Tenant>()).collect();
    let orphans = orphans(ctx.children.namespaces(), &tenants);
    revoked.retain(|namespace| orphans.contains(namespace));
    let mut outcome = Ok(());
    for namespace in orphans {
        if revoked.contains(&namespace) {
            continue;
        }
        // A namespace whose access cannot be revoked does not keep the others from it.
        match revoke_access(ctx, &namespace.name).await {
            Ok(()) => _ = revoked.insert(namespace),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome
}

/// Returns the namespaces whose mark names none of the tenants.
fn orphans(namespaces: Vec<MarkedNamespace>, tenants: &HashSet<String>) -> HashSet<MarkedNamespace> {
    namespaces.into_iter().filter(|namespace| !tenants.contains(&namespace.tenant_uid)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only namespaces whose tenant does not exist are without one, also if another tenant has its name.
    #[test]
    fn a_namespace_of_a_tenant_that_does_not_exist_is_an_orphan() {
        let marked = |name: &str, tenant: &str| MarkedNamespace {
            name: name.to_owned(),
            uid: format!("uid-of-{name}"),
            tenant_uid: tenant.to_owned(),
        };
        let (acme, globex) = (marked("t-acme", "u0"), marked("t-globex", "u2"));
        let tenants = HashSet::from(["u1".to_owned(), "u2".to_owned()]);
        assert_eq!(orphans(vec![acme.clone(), globex], &tenants), HashSet::from([acme]));
    }
}
