//! The fields `apiKey` and `apiKeys` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::ApiKeyFilter,
        global_id::Kind,
        lookup,
        objects::ApiKey,
        orders::ApiKeyOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of API keys.
#[derive(Default)]
pub(super) struct ApiKeyQueries;

/// Queries of API keys.
#[Object]
impl ApiKeyQueries {
    /// API keys of the tenant, without their secrets. Requires the permission `api-key.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn api_keys(
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
        #[graphql(default, desc = "Order of the keys.")] order_by: ApiKeyOrder,
        #[graphql(desc = "Filter of the keys. Default: all keys.")] filter: Option<ApiKeyFilter>,
    ) -> Result<ConnectionOf<ApiKey>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let filter = app::api_keys::Filter::from(filter.unwrap_or_default());
        let page = app::api_keys::list(caller.app, scope, filter, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, ApiKey::position, ApiKey, Counted::ApiKeys(filter)))
    }

    /// Returns an API key of the tenant, without its secret; null if it does not exist. Requires the permission `api-key.read`.
    async fn api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the key.")] id: ID,
    ) -> Result<Option<ApiKey>> {
        match Kind::ApiKey.decode(&id) {
            Some(id) => lookup::api_key(ctx, id).await,
            None => Ok(None),
        }
    }
}
