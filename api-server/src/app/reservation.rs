//! Memory for what a request reads or writes, which is measured and reserved before it is loaded.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::constants::MAX_RESPONSE_CONTENT_BYTES;

use super::{App, Error};
use crate::{auth::TenantScope, limits::Permit, store::ContentSize};

/// Time for which a request without memory waits for some.
const FIRST_TIMEOUT: Duration = Duration::from_secs(8);
/// Time for which a request with memory waits for more: others may wait for what it holds.
const MORE_TIMEOUT: Duration = Duration::from_millis(500);
/// Copies of a decoded content that exist at the same time: what was read, and what is sent or projected.
const COPIES: usize = 2;

/// Memory that a request holds until it is dropped.
#[derive(Debug, Default)]
pub struct Reservation(Mutex<Reserved>);

#[derive(Debug, Default)]
struct Reserved {
    /// Size of the contents in the response, in bytes of JSON text.
    response_bytes: usize,
    permits: Vec<Permit>,
}

impl Reservation {
    /// Reserves the memory for contents of a response. `repeats` is the number of times that the response has the same
    /// part of them.
    ///
    /// # Errors
    /// Returns an error if the contents are too large for one response, or if the memory is not free in time.
    pub(super) async fn add_contents(
        &self,
        app: &App,
        scope: TenantScope,
        size: ContentSize,
        repeats: usize,
    ) -> Result<(), Error> {
        let response_bytes = {
            let mut held = self.lock();
            held.response_bytes = held.response_bytes.saturating_add(size.text.saturating_mul(repeats));
            held.response_bytes
        };
        let memory = size.decoded.saturating_mul(repeats.saturating_add(COPIES - 1));
        if response_bytes > MAX_RESPONSE_CONTENT_BYTES || memory > app.limits.memory.per_tenant() {
            return Err(Error::ResponseTooLarge { limit: MAX_RESPONSE_CONTENT_BYTES });
        }
        self.add(app, scope, memory).await
    }

    /// Reserves the memory for an object that is read from Kubernetes and projected. One that takes more than the part of a
    /// tenant gets all of it, so that every run can be cancelled.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn add_object(
        &self,
        app: &App,
        scope: TenantScope,
        size: ContentSize,
    ) -> Result<(), Error> {
        let memory = size.decoded.saturating_mul(COPIES).min(app.limits.memory.per_tenant());
        self.add(app, scope, memory).await
    }

    async fn add(&self, app: &App, scope: TenantScope, bytes: usize) -> Result<(), Error> {
        let limit = if self.lock().permits.is_empty() { FIRST_TIMEOUT } else { MORE_TIMEOUT };
        let permit = app.limits.memory.reserve(&scope.tenant_id(), bytes, limit).await;
        let permit =
            permit.map_err(|source| Error::Exhausted { action: "reserve memory for the request", source })?;
        self.lock().permits.push(permit);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reserved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
