//! The type `Viewer`.

use async_graphql::{Context, Object, Result};

use super::Tenant;
use crate::{
    app,
    graphql::{error::from_app, lookup, request::Caller},
};

/// Authenticated user.
pub(in crate::graphql) struct Viewer;

/// Authenticated user.
#[Object]
impl Viewer {
    /// Email address of the user, in lower case.
    async fn email<'a>(&self, ctx: &Context<'a>) -> Result<&'a str> {
        Ok(&Caller::from_context(ctx)?.principal.email)
    }

    /// Names of the roles in the user's token.
    async fn roles<'a>(&self, ctx: &Context<'a>) -> Result<&'a [String]> {
        Ok(&Caller::from_context(ctx)?.principal.roles)
    }

    /// Names of the user's permissions, in alphabetical order.
    async fn permissions(&self, ctx: &Context<'_>) -> Result<Vec<&'static str>> {
        Ok(Caller::from_context(ctx)?.principal.permission_names())
    }

    /// Tenant of the user. Null for platform administrators without a tenant. Requires the permission `tenant.read`.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        match Caller::from_context(ctx)?.principal.tenant {
            Some(_) => {
                Ok(Some(lookup::own_tenant(ctx).await?.ok_or_else(|| from_app(app::Error::NotFound))?))
            }
            None => Ok(None),
        }
    }
}
