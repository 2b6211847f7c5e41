//! Errors of the worker.

use protocol::parsing::Failure;

use crate::{
    objects, store,
    vectors::{self, EmbedError},
};

/// The work on a document cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The content cannot be used, and a repetition would fail in the same way.
    #[error("failed to use the content: {}: {}", .0.code, .0.message)]
    Content(Failure),
    /// The tenant would have more chunks than its plan allows.
    #[error(
        "failed to store {chunks} chunks: the tenant would have {used} of them, and its plan allows {limit}"
    )]
    ChunkLimit {
        /// Number of chunks of the document.
        chunks: usize,
        /// Number of chunks of the tenant with them.
        used: i64,
        /// Maximum number of chunks.
        limit: i64,
    },
    /// The content is registered, and not in the object storage.
    #[error("failed to find the content in the object storage")]
    ObjectNotFound,
    /// The object storage cannot be reached or refuses a request.
    #[error("failed to use the object storage")]
    Storage(#[from] objects::Error),
    /// The database cannot be reached or refuses a statement.
    #[error("failed to use the database")]
    Store(#[from] store::Error),
    /// The parser cannot be started, or does not accept its request.
    #[error("failed to use the parser: {message}")]
    Parser {
        /// What happened.
        message: String,
    },
    /// The content is not the one that was uploaded.
    #[error("failed to read the content: its SHA-256 is not that of the upload")]
    Damaged,
    /// Every worker that has read the content died.
    #[error("failed to read the content: no worker has survived it")]
    Abandoned,
    /// A content of a document that is being deleted may still be on its way.
    #[error("failed to delete the document: an upload may be in progress")]
    UploadInProgress,
    /// The chunks have no vectors of the embedding model.
    #[error("failed to embed the chunks")]
    Embedder(#[from] EmbedError),
    /// The vector database cannot be reached or refuses a request.
    #[error("failed to use the vector database")]
    Vectors(#[from] vectors::Error),
    /// The operator has not set up the collection of the tenant.
    #[error("failed to find the collection of the tenant: its status does not name one")]
    NoKnowledgeBase,
    /// A deleted document has points after their deletion.
    #[error("failed to delete all points of the document: {points} are left")]
    PointsLeft {
        /// Number of points.
        points: u64,
    },
    /// Another worker has the document now, or its content was replaced.
    #[error("failed to retain the lease of the document")]
    LeaseLost,
}

impl Error {
    /// Returns the code that a failed document shows.
    pub(super) fn code(&self) -> String {
        match self {
            Self::Content(failure) => failure.code.to_string(),
            Self::ChunkLimit { .. } => "QUOTA_EXCEEDED".to_owned(),
            Self::ObjectNotFound | Self::Damaged => "OBJECT_NOT_FOUND".to_owned(),
            Self::Abandoned => "PARSE_OOM".to_owned(),
            Self::Storage(_) => "STORAGE_UNAVAILABLE".to_owned(),
            Self::Embedder(error) if error.is_rejection() => "EMBEDDER_REJECTED".to_owned(),
            Self::Embedder(_) => "EMBEDDER_UNAVAILABLE".to_owned(),
            Self::Vectors(_) | Self::NoKnowledgeBase | Self::PointsLeft { .. } => {
                "INDEX_UNAVAILABLE".to_owned()
            }
            Self::Parser { .. } | Self::Store(_) | Self::UploadInProgress | Self::LeaseLost => {
                "PARSER_UNAVAILABLE".to_owned()
            }
        }
    }

    /// Returns the explanation that a failed document shows to its user, without the inside of the platform.
    pub(super) fn explanation(&self) -> String {
        match self {
            Self::Content(failure) => failure.message.clone(),
            Self::ChunkLimit { chunks, used, limit } => format!(
                "the document has {chunks} chunks: the tenant would have {used}, and its plan allows {limit} (chunks); delete documents, or \
                 change the plan"
            ),
            Self::Abandoned => {
                "no worker has survived the content; divide the document into smaller ones".to_owned()
            }
            Self::Damaged => "the content in the object storage is damaged; upload it again".to_owned(),
            Self::ObjectNotFound => {
                "the content is not in the object storage any more; upload it again".to_owned()
            }
            Self::Storage(_) => {
                "the object storage could not be used for a long time; process the document again".to_owned()
            }
            Self::Embedder(error) if error.is_rejection() => {
                "the embedding model refuses the text of the document; upload it in another form".to_owned()
            }
            Self::Embedder(_) => {
                "the embedding model could not be used for a long time; process the document again".to_owned()
            }
            Self::Vectors(_) | Self::PointsLeft { .. } => {
                "the vector database could not be used for a long time; process the document again".to_owned()
            }
            Self::NoKnowledgeBase => {
                "the vector storage of the tenant is not set up; process the document again once the tenant's condition VectorStoreReady \
                 is true"
                    .to_owned()
            }
            Self::Parser { .. } | Self::Store(_) | Self::UploadInProgress | Self::LeaseLost => {
                "the content could not be read for a long time; process the document again".to_owned()
            }
        }
    }

    /// Returns whether a repetition may succeed.
    pub(super) fn is_transient(&self) -> bool {
        match self {
            Self::Content(_)
            | Self::ChunkLimit { .. }
            | Self::ObjectNotFound
            | Self::Damaged
            | Self::Abandoned => false,
            Self::Embedder(error) => !error.is_rejection(),
            Self::Storage(_)
            | Self::Store(_)
            | Self::Parser { .. }
            | Self::Vectors(_)
            | Self::NoKnowledgeBase
            | Self::PointsLeft { .. }
            | Self::UploadInProgress
            | Self::LeaseLost => true,
        }
    }
}
