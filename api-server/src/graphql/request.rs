//! The data that fields find in the context of a request: the caller, and loaders for what the caller can read.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use async_graphql::{Context, Request};
use tokio::time::Instant;

use super::{error, loaders};
use crate::{
    app::{App, users::Editor},
    auth::{Membership, PlatformScope, Principal},
};

/// Time limit of the execution of a document.
pub(crate) const EXECUTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of lists that a document counts. Each count reads at most 10,000 entries of an index, which takes some milliseconds.
const MAX_COUNTS: usize = 100;

/// Time at which the execution of the document ends.
pub(super) struct Deadline(Instant);

impl Deadline {
    /// Returns the last time at which something can begin that takes this long.
    pub(super) fn before(&self, duration: Duration) -> Instant {
        self.0.checked_sub(duration).unwrap_or(self.0)
    }
}

/// Number of lists that the document has counted.
#[derive(Default)]
pub(super) struct ListCounts(AtomicUsize);

impl ListCounts {
    /// Admits one more count.
    ///
    /// # Errors
    /// Returns an error if the document counts too many lists.
    pub(super) fn admit(&self) -> async_graphql::Result<()> {
        match self.0.fetch_add(1, Ordering::Relaxed) {
            0..MAX_COUNTS => Ok(()),
            _ => {
                let message = format!("a document may select totalCount of at most {MAX_COUNTS} lists");
                Err(error::invalid_parameter(&message))
            }
        }
    }
}

/// Adds the caller and the loaders to a request that is executed at once.
pub(crate) fn with_caller(request: Request, app: &App, principal: Principal) -> Request {
    let request = match &principal.tenant {
        Some(tenant) => request.data(loaders::loaders(app, tenant.scope)),
        None => request,
    };
    let request = match principal.platform {
        Some(scope) => request.data(loaders::platform_loaders(app, scope)),
        None => request,
    };
    let deadline = Deadline(Instant::now() + EXECUTION_TIMEOUT);
    request.data(app.clone()).data(principal).data(ListCounts::default()).data(deadline)
}

/// Caller of a request, with access to the use cases.
pub(super) struct Caller<'a> {
    pub(super) app: &'a App,
    pub(super) principal: &'a Principal,
}

impl<'a> Caller<'a> {
    /// Returns the caller that the context of a field holds.
    pub(super) fn from_context(ctx: &Context<'a>) -> async_graphql::Result<Self> {
        Ok(Self { app: ctx.data()?, principal: ctx.data()? })
    }

    /// Returns the caller's tenant.
    ///
    /// # Errors
    /// Returns an error if the token names no tenant.
    pub(super) fn tenant(&self) -> async_graphql::Result<&'a Membership> {
        self.principal.tenant.as_ref().ok_or_else(error::tenant_required)
    }

    /// Returns the caller as somebody who changes users, roles and what they have.
    ///
    /// # Errors
    /// Returns an error if the token names no tenant.
    pub(super) fn editor(&self) -> async_graphql::Result<Editor> {
        let tenant = self.tenant()?;
        Ok(Editor { scope: tenant.scope, permissions: tenant.grantable(self.principal.permissions) })
    }

    /// Returns the access to all tenants.
    ///
    /// # Errors
    /// Returns an error if the caller is no administrator of the platform.
    pub(super) fn platform(&self) -> async_graphql::Result<PlatformScope> {
        self.principal.platform.ok_or_else(error::platform_required)
    }
}
