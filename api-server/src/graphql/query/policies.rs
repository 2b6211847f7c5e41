//! The fields `policy` and `policies` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        global_id::Kind,
        lookup,
        objects::Policy,
        orders::PolicyOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of policies.
#[derive(Default)]
pub(super) struct PolicyQueries;

/// Queries of policies.
#[Object]
impl PolicyQueries {
    /// Policies of the tenant. Requires the permission `policy.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn policies(
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
        #[graphql(default, desc = "Order of the policies.")] order_by: PolicyOrder,
    ) -> Result<ConnectionOf<Policy>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let page = app::policies::list(caller.app, scope, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, Policy::position, Policy, Counted::Policies))
    }

    /// Returns a policy of the tenant; null if it does not exist. Requires the permission `policy.read`.
    async fn policy(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the policy.")] id: ID,
    ) -> Result<Option<Policy>> {
        match Kind::Policy.decode(&id) {
            Some(id) => lookup::policy(ctx, id).await,
            None => Ok(None),
        }
    }
}
