//! The root fields that read tenants and plans.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::TenantFilter,
        global_id::Kind,
        loaders::PlatformLoaders,
        lookup,
        objects::{Plan, Tenant, Usage},
        orders::{PlanOrder, TenantOrder},
        request::Caller,
        total::Counted,
    },
    store::tenants::TenantColumns,
};

/// Queries of tenants and plans.
#[derive(Default)]
pub(super) struct TenantQueries;

/// Queries of tenants and plans.
#[Object]
impl TenantQueries {
    /// The tenant of the authenticated user; null if it has not been mirrored. Fails if the token names no tenant.
    /// Requires the permission `tenant.read`.
    async fn tenant(&self, ctx: &Context<'_>) -> Result<Option<Tenant>> {
        lookup::own_tenant(ctx).await
    }

    /// What the tenant of the authenticated user uses of the limits of its plan. Requires the permission `usage.read`.
    async fn usage(&self, ctx: &Context<'_>) -> Result<Usage> {
        let caller = Caller::from_context(ctx)?;
        Ok(app::usage::usage(caller.app, caller.tenant()?.scope).await.map_err(from_app)?.into())
    }

    /// All tenants of the platform. Requires the permission `platform.tenant.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn tenants(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
        #[graphql(default, desc = "Order of the tenants.")] order_by: TenantOrder,
        #[graphql(desc = "Filter of the tenants. Default: all tenants.")] filter: Option<TenantFilter>,
    ) -> Result<ConnectionOf<Tenant>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let (caller, filter) = (Caller::from_context(ctx)?, filter.unwrap_or_default().into());
        let listed =
            app::tenants::list(caller.app, caller.platform()?, filter, &paging, TenantColumns::All).await;
        let (page, reservation) = listed.map_err(from_app)?;
        ctx.data::<PlatformLoaders>()?.loader().hold(reservation);
        Ok(connection(page, &paging, Tenant::position, Tenant::from, Counted::Tenants(filter)))
    }

    /// All plans. Requires the permission `plan.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn plans(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "Size of a page that is read forward, 1 to 100. `first` or `last` is required.",
            validator(minimum = 1, maximum = 100)
        )]
        first: Option<i32>,
        #[graphql(desc = "Cursor after which the page starts: the `endCursor` of the previous page.")] after: Option<String>,
        #[graphql(
            desc = "Size of a page that is read backward, 1 to 100.",
            validator(minimum = 1, maximum = 100)
        )]
        last: Option<i32>,
        #[graphql(desc = "Cursor before which the page ends: the `startCursor` of the following page.")]
        before: Option<String>,
        #[graphql(default, desc = "Order of the plans.")] order_by: PlanOrder,
    ) -> Result<ConnectionOf<Plan>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let page = app::plans::list(caller.app, caller.tenant()?.scope, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, Plan::position, Plan, Counted::Plans))
    }

    /// Returns a plan; null if it does not exist. Requires the permission `plan.read`.
    async fn plan(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the plan.")] id: ID,
    ) -> Result<Option<Plan>> {
        match Kind::Plan.decode(&id) {
            Some(id) => lookup::plan(ctx, id).await,
            None => Ok(None),
        }
    }
}
