//! The root fields that find objects of any type.

use async_graphql::{Context, ID, Object, Result};
use futures::future::try_join_all;

use crate::graphql::{
    global_id::GlobalId,
    lookup,
    objects::{Node, Viewer},
};

/// Queries of objects of any type.
#[derive(Default)]
pub(super) struct NodeQueries;

/// Queries of objects of any type.
#[Object]
impl NodeQueries {
    /// Returns an object by its global ID; null if it does not exist or belongs to another tenant. Requires the
    /// permission of the field that returns the object's type.
    #[graphql(shareable)]
    async fn node(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the object.")] id: ID,
    ) -> Result<Option<Node>> {
        find(ctx, &id).await
    }

    /// Returns objects by their global IDs, in the order of the IDs; null in the place of an object that does not exist or
    /// belongs to another tenant. Requires the permissions of the fields that return the types of the objects.
    #[graphql(shareable, complexity = "ids.len().saturating_mul(child_complexity).saturating_add(1)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global IDs of the objects, at most 100.", validator(max_items = 100))] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        try_join_all(ids.iter().map(|id| find(ctx, id))).await
    }

    /// The authenticated user.
    async fn viewer(&self) -> Viewer {
        Viewer
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    match GlobalId::decode(id) {
        Some(id) => lookup::node(ctx, id).await,
        None => Ok(None),
    }
}
