//! The type `Viewer`.

use async_graphql::{Context, Object, Result};

use super::{Tenant, User};
use crate::{
    app,
    graphql::{error::from_app, lookup, request::Caller},
};

/// Authenticated user.
pub(in crate::graphql) struct Viewer;

/// Authenticated user.
#[Object]
impl Viewer {
    /// User of the tenant. Null if the claims of the token alone identify the caller. Requires the permission `user.read`.
    async fn user(&self, ctx: &Context<'_>) -> Result<Option<User>> {
        match &Caller::from_context(ctx)?.principal.user {
            Some(user) => lookup::user(ctx, user.id).await,
            None => Ok(None),
        }
    }

    /// Email address of the user. That of a token's claims is in lower case.
    async fn email<'a>(&self, ctx: &Context<'a>) -> Result<&'a str> {
        Ok(&Caller::from_context(ctx)?.principal.email)
    }

    /// Full name of the user.
    async fn display_name<'a>(&self, ctx: &Context<'a>) -> Result<Option<&'a str>> {
        Ok(Caller::from_context(ctx)?.principal.user.as_ref().and_then(|user| user.display_name.as_deref()))
    }

    /// URL of a picture of the user with the scheme https, or the path of the REST API to an uploaded picture.
    async fn picture_url<'a>(&self, ctx: &Context<'a>) -> Result<Option<&'a str>> {
        Ok(Caller::from_context(ctx)?.principal.user.as_ref().and_then(|user| user.picture_url.as_deref()))
    }

    /// Roles of the user, or those of the token's claims: names of built-in roles and IDs of the tenant's own.
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
