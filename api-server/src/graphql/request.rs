//! The data that fields find in the context of a request: the caller, and loaders for what the caller can read.

use async_graphql::{Context, Request};

use super::{error, loaders};
use crate::{
    app::App,
    auth::{Membership, PlatformScope, Principal},
};

/// Adds the caller and the loaders to a request.
pub(crate) fn with_caller(request: Request, app: &App, principal: Principal) -> Request {
    let request = match &principal.tenant {
        Some(tenant) => request.data(loaders::loaders(app, tenant.scope)),
        None => request,
    };
    let request = match principal.platform {
        Some(scope) => request.data(loaders::platform_loaders(app, scope)),
        None => request,
    };
    request.data(app.clone()).data(principal)
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

    /// Returns the access to all tenants.
    ///
    /// # Errors
    /// Returns an error if the caller is no administrator of the platform.
    pub(super) fn platform(&self) -> async_graphql::Result<PlatformScope> {
        self.principal.platform.ok_or_else(error::platform_required)
    }
}
