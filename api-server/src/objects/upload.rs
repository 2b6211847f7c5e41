//! Objects that are written while they are received, so that none of them is in memory as a whole.

use axum::body::Bytes;
use futures::{Stream, StreamExt as _};
use object_store::{Attribute, Attributes, ObjectStore as _, PutMultipartOptions, WriteMultipart};
use sha2::{Digest as _, Sha256};

use super::{Error, Objects, error};

/// Size of a part. A bucket accepts no smaller ones, except for the last.
const PART_BYTES: usize = 5 << 20;
/// Number of parts that are being written while the next one is received.
const PARTS_IN_PROGRESS: usize = 1;
/// Memory of an upload, in bytes: the part that is received, and the one that is written.
pub const UPLOAD_MEMORY: usize = PART_BYTES * (1 + PARTS_IN_PROGRESS);

/// Object that was received and stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 as 64 lower-case hex digits.
    pub sha256: String,
}

/// An object cannot be received or stored. There is no object then.
#[derive(Debug, thiserror::Error)]
pub enum UploadError<E> {
    /// The object could not be received completely.
    #[error("failed to receive the object")]
    Source(#[source] E),
    /// The object is larger than it may be.
    #[error("failed to receive an object of {bytes} bytes or more: at most {limit} are allowed")]
    TooLarge {
        /// Size of what was received, in bytes.
        bytes: u64,
        /// Maximum size, in bytes.
        limit: u64,
    },
    /// The storage cannot be reached, is full, or refuses the write.
    #[error(transparent)]
    Storage(#[from] Error),
}

impl Objects {
    /// Writes an object of at most `limit` bytes while it is received, and returns its size and digest. Readers never see a part of it.
    ///
    /// # Errors
    /// Returns an error if the object cannot be received, is too large, or cannot be written.
    pub async fn upload<E>(
        &self,
        name: &str,
        media_type: &str,
        limit: u64,
        received: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<Uploaded, UploadError<E>> {
        let mut options = PutMultipartOptions::default();
        if self.records_media_types {
            let media_type = object_store::AttributeValue::from(media_type.to_owned());
            options.attributes = Attributes::from_iter([(Attribute::ContentType, media_type)]);
        }
        let failed = |source| error("write", name, source);
        let upload = self.store.put_multipart_opts(&self.path(name), options).await.map_err(failed)?;
        let mut write = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
        match receive(&mut write, limit, received, failed).await {
            Ok(uploaded) => write.finish().await.map(|_| uploaded).map_err(|source| failed(source).into()),
            Err(error) => {
                if let Err(source) = write.abort().await {
                    let error = failed(source);
                    let error: &(dyn std::error::Error + 'static) = &error;
                    tracing::warn!(
                        error,
                        "the parts of an object that was not received completely are left in the storage"
                    );
                }
                Err(error)
            }
        }
    }
}

async fn receive<E>(
    write: &mut WriteMultipart,
    limit: u64,
    received: impl Stream<Item = Result<Bytes, E>>,
    failed: impl Fn(object_store::Error) -> Error,
) -> Result<Uploaded, UploadError<E>> {
    let (mut bytes, mut digest) = (0_u64, Sha256::new());
    let mut received = std::pin::pin!(received);
    while let Some(piece) = received.next().await {
        let piece = piece.map_err(UploadError::Source)?;
        bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if bytes > limit {
            return Err(UploadError::TooLarge { bytes, limit });
        }
        digest.update(&piece);
        write.wait_for_capacity(PARTS_IN_PROGRESS + 1).await.map_err(&failed)?;
        write.write(&piece);
    }
    Ok(Uploaded { bytes, sha256: hex::encode(digest.finalize()) })
}
