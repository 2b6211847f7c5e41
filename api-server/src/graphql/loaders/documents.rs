//! Loaders of documents and their chunks.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use uuid::Uuid;

use super::tenant::TenantRows;
use crate::{
    app::{
        self,
        documents::{ChunkPage, ChunkPaging},
    },
    store::documents::{Document, chunks::Chunk},
};

/// Key of a document: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct DocumentById(pub(in crate::graphql) Uuid);

/// Key of a chunk: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct ChunkById(pub(in crate::graphql) Uuid);

/// Key of a page of the chunks of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::graphql) struct ChunksOfDocument {
    pub(in crate::graphql) document: Uuid,
    pub(in crate::graphql) paging: ChunkPaging,
}

impl Loader<DocumentById> for TenantRows {
    type Value = Document;
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[DocumentById]) -> Result<HashMap<DocumentById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|DocumentById(id)| *id).collect();
        let rows = app::documents::get_many(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (DocumentById(row.id), row)).collect())
    }
}

impl Loader<ChunkById> for TenantRows {
    /// ID of the document, and the chunk.
    type Value = (Uuid, Chunk);
    type Error = Arc<app::Error>;

    async fn load(&self, keys: &[ChunkById]) -> Result<HashMap<ChunkById, Self::Value>, Self::Error> {
        let ids: Vec<_> = keys.iter().map(|ChunkById(id)| *id).collect();
        let rows = app::documents::get_chunks(&self.app, self.scope, &ids).await.map_err(Arc::new)?;
        Ok(rows.into_iter().map(|row| (ChunkById(row.1.id), row)).collect())
    }
}

impl Loader<ChunksOfDocument> for TenantRows {
    type Value = ChunkPage;
    type Error = Arc<app::Error>;

    async fn load(
        &self,
        keys: &[ChunksOfDocument],
    ) -> Result<HashMap<ChunksOfDocument, Self::Value>, Self::Error> {
        let mut documents = HashMap::<ChunkPaging, Vec<Uuid>>::new();
        for ChunksOfDocument { document, paging } in keys {
            documents.entry(*paging).or_default().push(*document);
        }
        let mut pages = HashMap::with_capacity(keys.len());
        for (paging, documents) in documents {
            let found = app::documents::chunks_of_documents(&self.app, self.scope, &documents, paging);
            let found = found.await.map_err(Arc::new)?;
            pages.extend(
                found.into_iter().map(|(document, page)| (ChunksOfDocument { document, paging }, page)),
            );
        }
        Ok(pages)
    }
}
