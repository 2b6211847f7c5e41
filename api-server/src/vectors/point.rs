//! Points: the vectors of a chunk, and what searches filter by.

use domain::vectors::{DENSE_VECTOR, SPARSE_VECTOR, TENANT_FIELD};
use embedder::bm25::{self, Parameters};
use qdrant_client::{
    Payload,
    qdrant::{NamedVectors, PointStruct},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    KnowledgeBase, LANGUAGE,
    filter::{DOCUMENT, METADATA, MIME_TYPE, ORDINAL, TAGS, VERSION},
};

/// Attributes of a document, by which searches filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Attributes {
    /// Tags.
    pub tags: Vec<String>,
    /// Media type of the content.
    pub mime_type: Option<String>,
    /// Metadata given by the user: an object.
    pub metadata: Value,
}

/// Chunk to write as a point.
#[derive(Clone, Copy, Debug)]
pub struct Point<'a> {
    /// ID of the chunk, which is that of the point.
    pub chunk: Uuid,
    /// ID of the document.
    pub document: Uuid,
    /// Number of the content.
    pub version: i32,
    /// Position in the document.
    pub ordinal: i32,
    /// Text, of which the point has the vector of BM25 and not the words.
    pub text: &'a str,
    /// Vector of the embedding model, if there is one.
    pub dense: Option<&'a [f32]>,
    /// Attributes of the document.
    pub attributes: &'a Attributes,
}

impl Attributes {
    pub(super) fn to_payload(&self) -> Payload {
        let Self { tags, mime_type, metadata } = self;
        let mut payload = Payload::new();
        payload.insert(TAGS, json!(tags));
        payload.insert(MIME_TYPE, json!(mime_type));
        payload.insert(METADATA, metadata.clone());
        payload
    }
}

impl Point<'_> {
    pub(super) fn to_qdrant(self, base: &KnowledgeBase) -> PointStruct {
        let Self { chunk, document, version, ordinal, text, dense, attributes } = self;
        let mut payload = attributes.to_payload();
        payload.insert(TENANT_FIELD, base.tenant_uid());
        payload.insert(DOCUMENT, document.to_string());
        payload.insert(VERSION, i64::from(version));
        payload.insert(ORDINAL, i64::from(ordinal));
        let sparse = bm25::document(text, LANGUAGE, Parameters::default());
        let sparse: Vec<(u32, f32)> = sparse.indices.into_iter().zip(sparse.values).collect();
        let mut vectors = NamedVectors::default().add_vector(SPARSE_VECTOR, sparse);
        if let Some(dense) = dense {
            vectors = vectors.add_vector(DENSE_VECTOR, dense.to_vec());
        }
        PointStruct::new(chunk.to_string(), vectors, payload)
    }
}
