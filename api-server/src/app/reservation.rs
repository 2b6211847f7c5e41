//! Memory for what a request reads or writes, which is measured and reserved before it is loaded.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::constants::MAX_RESPONSE_CONTENT_BYTES;
use serde_json::Value;
use uuid::Uuid;

use super::{App, Error};
use crate::{
    auth::TenantScope,
    limits::{Permit, json_memory},
    store::{ContentSize, InlineContent},
};

/// Time for which a request without memory waits for some.
const FIRST_TIMEOUT: Duration = Duration::from_secs(8);
/// Time for which a request with memory waits for more: others may wait for what it holds.
const MORE_TIMEOUT: Duration = Duration::from_millis(500);
/// Copies of a decoded content that exist at the same time: what was read, and what is sent or projected.
pub(super) const COPIES: usize = 2;
/// Maximum size of a content that is read together with its row, in bytes once it is decoded. Most are smaller. All requests that a
/// tenant can have in progress together reserve no more than its part of the memory for small requests.
const SMALL_CONTENT_BYTES: usize = 60 << 10;
/// Copies of an object that exist while it is changed: what was read, its current and its desired spec, what is applied, and the
/// request.
pub(super) const CHANGE_COPIES: usize = 5;

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
        let memory = self.count_contents(app, size, repeats)?;
        let added = self.add(app, scope, memory).await;
        if added.is_err() {
            self.uncount_contents(size, repeats);
        }
        added
    }

    /// Reserves the memory for contents of a response like [`Self::add_contents`] if it is free now, and returns whether it is.
    ///
    /// # Errors
    /// Returns an error if the contents are too large for one response.
    pub(super) async fn try_add_contents(
        &self,
        app: &App,
        scope: TenantScope,
        size: ContentSize,
        repeats: usize,
    ) -> Result<bool, Error> {
        let memory = self.count_contents(app, size, repeats)?;
        let added = self.add_within(app, scope.tenant_id(), memory, Duration::ZERO).await;
        if added.is_err() {
            self.uncount_contents(size, repeats);
        }
        Ok(added.is_ok())
    }

    /// Counts contents of the response, and returns the memory that they need.
    fn count_contents(&self, app: &App, size: ContentSize, repeats: usize) -> Result<usize, Error> {
        let mut held = self.lock();
        held.response_bytes = held.response_bytes.saturating_add(size.text.saturating_mul(repeats));
        let memory = size.decoded.saturating_mul(repeats.saturating_add(COPIES - 1));
        if held.response_bytes > MAX_RESPONSE_CONTENT_BYTES || memory > app.limits.memory.per_tenant() {
            return Err(Error::ResponseTooLarge { limit: MAX_RESPONSE_CONTENT_BYTES });
        }
        Ok(memory)
    }

    /// Takes back contents that were counted and are not read.
    fn uncount_contents(&self, size: ContentSize, repeats: usize) {
        let mut held = self.lock();
        held.response_bytes = held.response_bytes.saturating_sub(size.text.saturating_mul(repeats));
    }

    /// Reserves the memory for a small content, which a statement returns together with its row, if the memory is free now. Returns it,
    /// and the content that the statement may return.
    pub(super) async fn small_content(app: &App, scope: TenantScope) -> (Self, InlineContent) {
        let reservation = Self::default();
        let bytes = COPIES * SMALL_CONTENT_BYTES;
        let added = reservation.add_within(app, scope.tenant_id(), bytes, Duration::ZERO).await;
        let inline = added.map_or(InlineContent::UpTo(0), |()| InlineContent::UpTo(SMALL_CONTENT_BYTES));
        (reservation, inline)
    }

    /// Reserves the memory for an object that is read from Kubernetes and projected, with this number of copies of it at the same
    /// time. One that takes more than the part of a tenant gets all of it, so that every run can be cancelled.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn add_object(
        &self,
        app: &App,
        scope: TenantScope,
        size: ContentSize,
        copies: usize,
    ) -> Result<(), Error> {
        let memory = size.decoded.saturating_mul(copies).min(app.limits.memory.per_tenant());
        self.add(app, scope, memory).await
    }

    /// Reserves the memory for changing an object that has a value of this size: [`CHANGE_COPIES`] copies of it.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn to_change(app: &App, scope: TenantScope, size: ContentSize) -> Result<Self, Error> {
        let reservation = Self::default();
        reservation.add_object(app, scope, size, CHANGE_COPIES).await?;
        Ok(reservation)
    }

    /// Reserves the memory for contents of a response to an administrator of the platform.
    ///
    /// # Errors
    /// Returns an error if the contents are too large for one response, or if the memory is not free in time.
    pub(super) async fn of_platform(app: &App, size: ContentSize) -> Result<Self, Error> {
        let memory = size.decoded.saturating_mul(COPIES);
        if memory > app.limits.memory.per_tenant() {
            return Err(Error::ResponseTooLarge { limit: MAX_RESPONSE_CONTENT_BYTES });
        }
        let reservation = Self::default();
        reservation.add_within(app, Uuid::nil(), memory, FIRST_TIMEOUT).await?;
        Ok(reservation)
    }

    /// Reserves the memory for a revision of a workflow, whose size is not known before it is read: what its text and its values take
    /// at most.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn of_revision(
        app: &App,
        scope: TenantScope,
        text: usize,
        decoded: usize,
    ) -> Result<Self, Error> {
        let reservation = Self::default();
        reservation.add_object(app, scope, ContentSize { text, decoded: text + decoded }, COPIES).await?;
        Ok(reservation)
    }

    /// Reserves the memory of a copy of a value, for a request that has memory for the value itself.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn of_copy(
        app: &App,
        scope: TenantScope,
        value: &Value,
    ) -> Result<(usize, Self), Error> {
        let bytes = json_memory(value.to_string().as_bytes());
        let reservation = Self::default();
        reservation.add_within(app, scope.tenant_id(), bytes, MORE_TIMEOUT).await?;
        Ok((bytes, reservation))
    }

    /// Reserves the memory in which an uploaded picture is converted.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time.
    pub(super) async fn of_picture(app: &App, scope: TenantScope, bytes: usize) -> Result<Self, Error> {
        let reservation = Self::default();
        reservation.add_within(app, scope.tenant_id(), bytes, MORE_TIMEOUT).await?;
        Ok(reservation)
    }

    async fn add(&self, app: &App, scope: TenantScope, bytes: usize) -> Result<(), Error> {
        let limit = if self.lock().permits.is_empty() { FIRST_TIMEOUT } else { MORE_TIMEOUT };
        self.add_within(app, scope.tenant_id(), bytes, limit).await
    }

    async fn add_within(&self, app: &App, tenant: Uuid, bytes: usize, limit: Duration) -> Result<(), Error> {
        let permit = app.limits.memory.reserve(&tenant, bytes, limit).await;
        let permit =
            permit.map_err(|source| Error::Exhausted { action: "reserve memory for the request", source })?;
        self.lock().permits.push(permit);
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Reserved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
