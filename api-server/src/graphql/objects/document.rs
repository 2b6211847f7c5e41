//! The types `Document` and `SemanticChunk`.

use async_graphql::{
    Context, Enum, ID, Json, Object, Result, SimpleObject,
    connection::{Connection, Edge},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::{
        self,
        documents::{ChunkPage, ChunkPaging},
        page::Direction,
    },
    graphql::{
        connection::{ConnectionOf, PageArguments, cost},
        error::{from_app, from_loader, invalid_cursor},
        global_id::Kind,
        loaders::{ChunksOfDocument, Loaders},
        lookup,
        scalars::DateTime,
        total::{Counted, Total},
    },
    store::{self, Order, Position, documents::DocumentStatus as Stored},
};

/// Status of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Stored")]
pub(in crate::graphql) enum DocumentStatus {
    /// The document has no content yet, or its content waits to be read.
    Pending,
    /// The content is being read. The chunks of an earlier content remain meanwhile.
    Processing,
    /// The chunks are those of the content.
    Ready,
    /// The content cannot be used; `error` says why.
    Failed,
    /// The document is being deleted with its content and its chunks.
    Deleting,
}

/// Reason why the content of a document cannot be used.
#[derive(SimpleObject)]
pub(in crate::graphql) struct DocumentError {
    /// Machine-readable code of the error, such as `ENCRYPTED`; more may be added.
    code: String,
    /// Human-readable explanation of the error.
    message: String,
}

/// Document of the knowledge base.
pub(in crate::graphql) struct Document(pub(in crate::graphql) store::documents::Document);

/// Document of the knowledge base.
#[Object]
impl Document {
    /// Global ID of the document.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::Document.encode(self.0.id)
    }

    /// Email address of the user, or name of the service account, that has created the document.
    async fn uploaded_by(&self) -> &str {
        &self.0.uploaded_by
    }

    /// Path of the content in the REST API.
    async fn uri(&self) -> String {
        format!("/v1/documents/{}/content", self.0.id)
    }

    /// Name of the file.
    async fn file_name(&self) -> &str {
        &self.0.file_name
    }

    /// Media type: the one that the content was found to have, or the declared one until it was read. Null if neither is known.
    async fn mime_type(&self) -> Option<&str> {
        self.0.mime_type.as_deref().or(self.0.declared_type.as_deref())
    }

    /// Metadata: what the content says, such as its title, and what the user has given, which takes precedence.
    async fn metadata(&self) -> Json<Value> {
        Json(app::documents::metadata(&self.0))
    }

    /// Tags in alphabetical order.
    async fn tags(&self) -> &[String] {
        &self.0.tags
    }

    /// Status of the document.
    async fn status(&self) -> DocumentStatus {
        self.0.status.into()
    }

    /// Reason why the content cannot be used. Null unless the status is `FAILED`.
    async fn error(&self) -> Option<DocumentError> {
        let code = self.0.error_code.clone()?;
        Some(DocumentError { code, message: self.0.error_message.clone().unwrap_or_default() })
    }

    /// SHA-256 of the content as 64 lower-case hex digits. Null until there is one.
    async fn content_sha256(&self) -> Option<&str> {
        self.0.content_sha256.as_deref()
    }

    /// Size of the content in bytes. Null until there is one.
    async fn size_bytes(&self) -> Option<i32> {
        self.0.size_bytes.map(|bytes| i32::try_from(bytes).unwrap_or(i32::MAX))
    }

    /// Number of the content that was uploaded last, starting at 1. Null until there is one.
    async fn content_version(&self) -> Option<i32> {
        self.0.content_version
    }

    /// Number of pages. Null if the content was not read yet, or has no pages.
    async fn page_count(&self) -> Option<i32> {
        self.0.page_count
    }

    /// Number of chunks.
    async fn chunk_count(&self) -> i32 {
        self.0.chunk_count
    }

    /// Chunks into which the content was divided, in their order. Requires the permission `chunk.read`.
    #[graphql(complexity = "cost(first, last, child_complexity)")]
    async fn chunks(
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
    ) -> Result<ConnectionOf<SemanticChunk>> {
        let paging = PageArguments { first, after, last, before }.paging(Order::OldestFirst)?;
        let cursor = paging.cursor.as_deref().map(str::parse).transpose().map_err(|_| invalid_cursor())?;
        let paging = ChunkPaging { cursor, direction: paging.direction, limit: paging.limit };
        let key = ChunksOfDocument { document: self.0.id, paging };
        let page = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
        let page = page.ok_or_else(|| from_app(app::Error::NotFound))?;
        Ok(chunk_connection(self.0.id, page, paging, self.0.chunk_count))
    }

    /// Version of the document; every change of it by a user increments the version.
    async fn version(&self) -> i32 {
        i32::try_from(self.0.version).unwrap_or(i32::MAX)
    }

    /// Time at which the document was created.
    async fn created_at(&self) -> DateTime {
        self.0.created_at.into()
    }

    /// Time of the last change of the document.
    async fn updated_at(&self) -> DateTime {
        self.0.updated_at.into()
    }
}

impl Document {
    /// Returns the position of a row in lists.
    pub(in crate::graphql) fn position(row: &store::documents::Document) -> Position {
        Position { created_at: row.created_at, id: row.id }
    }
}

/// Chunk: a passage of the text of a document.
pub(in crate::graphql) struct SemanticChunk {
    /// ID of the document.
    pub(in crate::graphql) document: Uuid,
    pub(in crate::graphql) chunk: store::documents::chunks::Chunk,
}

/// Chunk: a passage of the text of a document.
#[Object]
impl SemanticChunk {
    /// Global ID of the chunk. Another content of the document has other chunks.
    pub(in crate::graphql) async fn id(&self) -> ID {
        Kind::SemanticChunk.encode(self.chunk.id)
    }

    /// Document of the chunk. Requires the permission `document.read`.
    async fn document(&self, ctx: &Context<'_>) -> Result<Option<Document>> {
        lookup::document(ctx, self.document).await
    }

    /// Position in the document, starting at 0.
    async fn ordinal(&self) -> i32 {
        self.chunk.ordinal
    }

    /// Text: the characters from `start` to `end` of the text of the document.
    async fn text(&self) -> &str {
        &self.chunk.text
    }

    /// Position of the first character in the text of the document, in Unicode characters.
    async fn start(&self) -> i32 {
        i32::try_from(self.chunk.starts_at).unwrap_or(i32::MAX)
    }

    /// Position after the last character.
    async fn end(&self) -> i32 {
        i32::try_from(self.chunk.ends_at).unwrap_or(i32::MAX)
    }

    /// Number of tokens of the text.
    async fn tokens(&self) -> i32 {
        self.chunk.tokens
    }

    /// Number of the page on which the chunk begins, starting at 1. Null if the document has no pages.
    async fn first_page(&self) -> Option<i32> {
        self.chunk.first_page
    }

    /// Number of the page on which the chunk ends. Null if the document has no pages.
    async fn last_page(&self) -> Option<i32> {
        self.chunk.last_page
    }

    /// Headings above the chunk, from the outermost one.
    async fn headings(&self) -> &[String] {
        &self.chunk.headings
    }
}

/// Converts a page of the chunks of a document into a connection. The cursor of a chunk is its ordinal.
fn chunk_connection(
    document: Uuid,
    page: ChunkPage,
    paging: ChunkPaging,
    total: i32,
) -> ConnectionOf<SemanticChunk> {
    let ChunkPage { chunks, has_more } = page;
    let begins_at_cursor = paging.cursor.is_some();
    let (has_previous, has_next) = match paging.direction {
        Direction::Forward => (begins_at_cursor, has_more),
        Direction::Backward => (has_more, begins_at_cursor),
    };
    let total = Total(Counted::Known(usize::try_from(total).unwrap_or_default()));
    let mut connection = Connection::with_additional_fields(has_previous, has_next, total);
    connection.edges.extend(
        chunks
            .into_iter()
            .map(|chunk| Edge::new(chunk.ordinal.to_string(), SemanticChunk { document, chunk })),
    );
    connection
}
