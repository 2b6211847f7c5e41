//! Documents of the knowledge base: their contents are in object storage, and their chunks in the database. `ingestion` reads the
//! contents and writes the chunks.

mod check;
mod chunks;
mod content;
mod create;
mod delete;
mod limits;
mod names;
mod process;
mod read;
mod update;

pub use chunks::{ChunkPage, ChunkPaging, chunks, chunks_of_documents, get_chunks};
pub use content::{Download, MAX_DOCUMENT_BYTES, Upload, UploadStream, download, upload};
pub use create::{Create, NewDocument, create};
pub use delete::delete;
pub use names::{content_name, tenant_folder};
pub use process::process;
pub use read::{Filter, count, get, get_many, list, metadata};
pub use update::{Patch, update};

/// Kind of documents in the audit log.
const AUDIT_KIND: &str = "DOCUMENT";
