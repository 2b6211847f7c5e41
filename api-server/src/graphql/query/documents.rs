//! The fields `document`, `documents` and `semanticChunk` of GraphQL queries.

use async_graphql::{Context, ID, Object, Result};

use crate::{
    app,
    graphql::{
        connection::{ConnectionOf, PageArguments, connection, cost},
        error::from_app,
        filters::DocumentFilter,
        global_id::Kind,
        lookup,
        objects::{Document, SemanticChunk},
        orders::DocumentOrder,
        request::Caller,
        total::Counted,
    },
};

/// Queries of documents.
#[derive(Default)]
pub(super) struct DocumentQueries;

/// Queries of documents.
#[Object]
impl DocumentQueries {
    /// Documents of the tenant. Requires the permission `document.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn documents(
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
        #[graphql(default, desc = "Order of the documents.")] order_by: DocumentOrder,
        #[graphql(desc = "Filter of the documents. Default: all documents.")] filter: Option<DocumentFilter>,
    ) -> Result<ConnectionOf<Document>> {
        let paging = PageArguments { first, after, last, before }.paging(order_by)?;
        let caller = Caller::from_context(ctx)?;
        let filter: app::documents::Filter = filter.unwrap_or_default().into();
        let scope = caller.tenant()?.scope;
        let page = app::documents::list(caller.app, scope, &filter, &paging).await.map_err(from_app)?;
        Ok(connection(page, &paging, Document::position, Document, Counted::Documents(filter)))
    }

    /// Returns a document of the tenant; null if it does not exist. Requires the permission `document.read`.
    async fn document(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the document.")] id: ID,
    ) -> Result<Option<Document>> {
        match Kind::Document.decode(&id) {
            Some(id) => lookup::document(ctx, id).await,
            None => Ok(None),
        }
    }

    /// Returns a chunk of a document of the tenant; null if it does not exist, or belongs to an earlier content. Requires the permission
    /// `chunk.read`.
    async fn semantic_chunk(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Global ID of the chunk.")] id: ID,
    ) -> Result<Option<SemanticChunk>> {
        match Kind::SemanticChunk.decode(&id) {
            Some(id) => lookup::chunk(ctx, id).await,
            None => Ok(None),
        }
    }
}
