//! The fields `user` and `users` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::UserFilter,
        global_id::Kind,
        lookup,
        objects::User,
        orders::UserOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of users.
#[derive(Default)]
pub(super) struct UserQueries;

/// Queries of users.
#[Object]
impl UserQueries {
    /// Users of the tenant. Requires the permission `user.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn users(
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
        #[graphql(default, desc = "Order of the users.")] order_by: UserOrder,
        #[graphql(desc = "Filter of the users. Default: all users.")] filter: Option<UserFilter>,
    ) -> Result<ConnectionOf<User>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let (caller, filter) =
            (Caller::from_context(ctx)?, app::users::Filter::from(filter.unwrap_or_default()));
        let scope = caller.tenant()?.scope;
        let page = app::users::list(caller.app, scope, filter.clone(), &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, User::position, User, Counted::Users(filter)))
    }

    /// Returns a user of the tenant; null if it does not exist. Requires the permission `user.read`.
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the user.")] id: ID,
    ) -> Result<Option<User>> {
        match Kind::User.decode(&id) {
            Some(id) => lookup::user(ctx, id).await,
            None => Ok(None),
        }
    }
}
