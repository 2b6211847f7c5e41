//! Check of the operator's own rights at its start. What is missing is reported by name, and the process is not ready until it
//! has everything: a rollout then stops, and an operator that has its rights keeps the lease. One that is the leader nevertheless
//! goes on with what it may do, since most of its work does not depend on the right that is missing.

mod required;
mod review;

use std::{convert::Infallible, time::Duration};

use crds::{Tenant, conditions};
use kube::{Api, Client, Error, api::ListParams};
use telemetry::Health;
use tokio::time::{error::Elapsed, timeout};
use tokio_util::sync::CancellationToken;

use self::required::Scope;
use crate::{errors::chain, metrics::Metrics};

/// Name of the condition of readiness.
pub(crate) const RIGHTS: &str = "rights";

/// Interval at which the rights are checked while some are missing. Somebody grants them by hand, and the rollout goes on then.
const RECHECK_INTERVAL: Duration = Duration::from_secs(10);
/// Timeout of a check: five requests, and one for each missing right.
const CHECK_TIMEOUT: Duration = Duration::from_secs(30);
/// Number of tenants among which one is chosen in whose namespace the rights are checked.
const TENANTS: u32 = 20;

/// Reason for which the rights could not be checked.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error("failed to ask the API server for the rights")]
    Review(#[from] Error),
    #[error("failed to ask the API server for the rights in time")]
    Timeout(#[from] Elapsed),
}

/// Check of the rights, and what it reports to.
pub(crate) struct RightsCheck {
    pub(crate) client: Client,
    pub(crate) release_namespace: String,
    /// Namespace of the network probe, if it is turned on.
    pub(crate) probe_namespace: Option<String>,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

impl RightsCheck {
    /// Checks the rights until none is missing, then waits until `stop` is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) -> Result<(), Infallible> {
        let mut reported = Vec::new();
        while !self.is_complete(&mut reported).await {
            if stop.run_until_cancelled(tokio::time::sleep(RECHECK_INTERVAL)).await.is_none() {
                return Ok(());
            }
        }
        self.health.set(RIGHTS, true);
        stop.cancelled().await;
        Ok(())
    }

    /// Reports the missing rights if they are others than before, and returns whether the check is complete.
    async fn is_complete(&self, reported: &mut Vec<String>) -> bool {
        let missing = match timeout(CHECK_TIMEOUT, self.missing()).await.map_err(CheckError::from) {
            Ok(Ok(missing)) => missing,
            Ok(Err(Error::Api(status))) if status.is_forbidden() => {
                tracing::warn!(
                    error = status.message,
                    "the operator may not ask for its rights: they are not checked"
                );
                return true;
            }
            Ok(Err(error)) => return report_failure(&error.into()),
            Err(error) => return report_failure(&error),
        };
        self.metrics.set_missing_rights(&missing);
        if missing.is_empty() {
            tracing::info!("the operator has all rights that it needs");
        } else if missing != *reported {
            let missing = missing.join("; ");
            tracing::error!(missing, "the operator lacks rights: install the chart smb-copilot again");
        }
        *reported = missing;
        reported.is_empty()
    }

    /// Returns the names of the rights that the operator does not have.
    async fn missing(&self) -> Result<Vec<String>, Error> {
        let required = required::rights();
        let (client, release) = (&self.client, self.release_namespace.as_str());
        let of = |scope| required.iter().filter(move |right| right.scope == scope);
        let mut missing = review::missing(client, of(Scope::Cluster), None).await?;
        missing.extend(review::missing(client, of(Scope::Release), Some(release)).await?);
        if let Some(namespace) = self.probe_namespace.as_deref() {
            missing.extend(review::missing(client, of(Scope::NetworkProbe), Some(namespace)).await?);
        }
        if let Some(namespace) = self.namespace_of_a_tenant(&missing).await? {
            missing.extend(review::missing(client, of(Scope::Tenant), Some(&namespace)).await?);
        }
        Ok(missing)
    }

    /// Returns the namespace of a tenant whose role bindings are applied. The operator has its rights there from then on; without
    /// a tenant, it needs none of them.
    async fn namespace_of_a_tenant(&self, missing: &[String]) -> Result<Option<String>, Error> {
        if !missing.is_empty() {
            return Ok(None);
        }
        let tenants =
            Api::<Tenant>::all(self.client.clone()).list(&ListParams::default().limit(TENANTS)).await?;
        Ok(tenants.items.into_iter().find_map(|tenant| {
            let is_bound = tenant.metadata.deletion_timestamp.is_none();
            let status = tenant.status.filter(|_| is_bound)?;
            conditions::is_true(&status.conditions, conditions::ACCESS_READY).then_some(status.namespace)?
        }))
    }
}

/// Returns that the check is not complete.
fn report_failure(error: &CheckError) -> bool {
    tracing::warn!(error = chain(error), "failed to check the rights of the operator");
    false
}

#[cfg(test)]
mod tests;
