//! What a document is executed with: who asks, and loaders of their tenant's rows.

use async_graphql::{Context, Request};

use super::{error, loaders};
use crate::{
    auth::{Membership, Principal},
    state::AppState,
};

/// Adds to a request what its fields need.
pub(crate) fn request(request: Request, state: &AppState, principal: Principal) -> Request {
    let request = match &principal.tenant {
        Some(tenant) => request.data(loaders::loaders(state, tenant.scope)),
        None => request,
    };
    request.data(state.clone()).data(principal)
}

/// What a field finds in its context.
pub(super) struct Caller<'a> {
    pub(super) state: &'a AppState,
    pub(super) principal: &'a Principal,
}

impl<'a> Caller<'a> {
    pub(super) fn of(ctx: &Context<'a>) -> async_graphql::Result<Self> {
        Ok(Self { state: ctx.data()?, principal: ctx.data()? })
    }

    /// The caller's tenant.
    pub(super) fn tenant(&self) -> async_graphql::Result<&'a Membership> {
        self.principal.tenant.as_ref().ok_or_else(error::tenant_required)
    }
}
