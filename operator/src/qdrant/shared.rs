//! Checks of shared collections: one for all tenants, instead of one for each.

use std::{collections::HashMap, time::Duration};

use domain::vectors::Collection;
use tokio::{sync::Mutex, time::Instant};

use super::{VectorDatabase, provision::ProvisionError};

/// Time for which the result of a successful check holds for further tenants.
const SUCCESS_TTL: Duration = Duration::from_secs(60);
/// Time for which a failure holds: a thousand tenants must not each wait for a database that does not answer.
const FAILURE_TTL: Duration = Duration::from_secs(2);

/// Results of the last checks, by collection.
#[derive(Default)]
pub(super) struct SharedCollections(Mutex<HashMap<String, Check>>);

struct Check {
    at: Instant,
    result: Result<(), ProvisionError>,
}

impl VectorDatabase {
    /// Sets up a collection. A shared one is not set up again if that was done a moment ago, and tenants that need it at the same
    /// time wait for one set-up.
    ///
    /// # Errors
    /// Returns an error if the database fails, or if the collection is not ours or not as it should be.
    pub(crate) async fn provision_collection(&self, desired: &Collection) -> Result<(), ProvisionError> {
        if desired.owner.tenant.is_some() {
            return self.provision(desired).await;
        }
        let mut checks = self.shared.0.lock().await;
        if let Some(check) = checks.get(&desired.name).filter(|check| check.holds(Instant::now())) {
            return check.result.clone();
        }
        let result = self.provision(desired).await;
        checks.insert(desired.name.clone(), Check { at: Instant::now(), result: result.clone() });
        result
    }
}

impl Check {
    fn holds(&self, now: Instant) -> bool {
        let ttl = if self.result.is_ok() { SUCCESS_TTL } else { FAILURE_TTL };
        now.duration_since(self.at) < ttl
    }
}
