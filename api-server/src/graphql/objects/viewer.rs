use async_graphql::{Context, Object, Result};

use super::Tenant;
use crate::{
    app,
    graphql::{error::of_app, request::Caller},
};

/// The caller.
pub(in crate::graphql) struct Viewer;

/// The caller.
#[Object]
impl Viewer {
    /// The e-mail address of the token, in lower case.
    async fn email<'a>(&self, ctx: &Context<'a>) -> Result<&'a str> {
        Ok(&Caller::of(ctx)?.principal.email)
    }

    /// The roles of the token.
    async fn roles<'a>(&self, ctx: &Context<'a>) -> Result<&'a [String]> {
        Ok(&Caller::of(ctx)?.principal.roles)
    }

    /// The names of what the caller may do, in alphabetical order.
    async fn permissions(&self, ctx: &Context<'_>) -> Result<Vec<&'static str>> {
        Ok(Caller::of(ctx)?.principal.permission_names())
    }

    /// The caller's tenant; people of the platform may have none.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        let caller = Caller::of(ctx)?;
        match &caller.principal.tenant {
            Some(tenant) => {
                let tenant = app::tenants::current(caller.state, tenant.scope).await.map_err(of_app)?;
                Ok(Some(Tenant(tenant)))
            }
            None => Ok(None),
        }
    }
}
