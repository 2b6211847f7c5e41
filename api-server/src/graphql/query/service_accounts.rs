//! The fields `serviceAccount` and `serviceAccounts` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        global_id::Kind,
        lookup,
        objects::ServiceAccount,
        orders::ServiceAccountOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of service accounts.
#[derive(Default)]
pub(super) struct ServiceAccountQueries;

/// Queries of service accounts.
#[Object]
impl ServiceAccountQueries {
    /// Service accounts of the tenant. Requires the permission `service-account.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn service_accounts(
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
        #[graphql(default, desc = "Order of the service accounts.")] order_by: ServiceAccountOrder,
    ) -> Result<ConnectionOf<ServiceAccount>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let page = app::service_accounts::list(caller.app, scope, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, ServiceAccount::position, ServiceAccount, Counted::ServiceAccounts))
    }

    /// Returns a service account of the tenant; null if it does not exist. Requires the permission `service-account.read`.
    async fn service_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the service account.")] id: ID,
    ) -> Result<Option<ServiceAccount>> {
        match Kind::ServiceAccount.decode(&id) {
            Some(id) => lookup::service_account(ctx, id).await,
            None => Ok(None),
        }
    }
}
