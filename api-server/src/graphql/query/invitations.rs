//! The fields `invitation` and `invitations` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        global_id::Kind,
        lookup,
        objects::Invitation,
        orders::InvitationOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of invitations.
#[derive(Default)]
pub(super) struct InvitationQueries;

/// Queries of invitations.
#[Object]
impl InvitationQueries {
    /// Invitations of the tenant, without their tokens. Requires the permission `user.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn invitations(
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
        #[graphql(default, desc = "Order of the invitations.")] order_by: InvitationOrder,
    ) -> Result<ConnectionOf<Invitation>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let page = app::invitations::list(caller.app, scope, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, Invitation::position, Invitation, Counted::Invitations))
    }

    /// Returns an invitation of the tenant, without its token; null if it does not exist. Requires the permission `user.read`.
    async fn invitation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the invitation.")] id: ID,
    ) -> Result<Option<Invitation>> {
        match Kind::Invitation.decode(&id) {
            Some(id) => lookup::invitation(ctx, id).await,
            None => Ok(None),
        }
    }
}
