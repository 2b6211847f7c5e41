//! The fields `role`, `roles` and `permissions` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        global_id::GlobalId,
        lookup,
        objects::{Permission, Role},
        orders::RoleOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of roles.
#[derive(Default)]
pub(super) struct RoleQueries;

/// Queries of roles.
#[Object]
impl RoleQueries {
    /// Built-in roles, and those of the tenant. The built-in ones are older than all others. Requires the permission `role.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn roles(
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
        #[graphql(default, desc = "Order of the roles.")] order_by: RoleOrder,
    ) -> Result<ConnectionOf<Role>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let page = app::roles::list(caller.app, scope, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, Role::position, Role, Counted::Roles))
    }

    /// Returns a built-in role, or a role of the tenant; null if it does not exist. Requires the permission `role.read`.
    async fn role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the role.")] id: ID,
    ) -> Result<Option<Role>> {
        match GlobalId::decode(&id) {
            Some(GlobalId::Role(reference)) => lookup::role(ctx, reference).await,
            Some(GlobalId::Object(..) | GlobalId::Event(_) | GlobalId::Revision(_)) | None => Ok(None),
        }
    }

    /// Permissions that the roles and policies of a tenant can name, in alphabetical order. Requires the permission `role.read`.
    async fn permissions(&self) -> Vec<Permission> {
        let leaves = app::authorization::permissions().into_iter();
        leaves.map(|leaf| Permission { name: leaf.name(), description: leaf.description() }).collect()
    }
}
