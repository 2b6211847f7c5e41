//! Object storage: a directory, or a bucket of an S3-compatible server. Objects are written once, under names derived from their content
//! or never used before, read completely, copied, and deleted; they are never changed, and listed only to delete a folder.

mod location;
mod open;
mod output_name;
#[cfg(test)]
mod tests;
mod upload;

use std::sync::Arc;

use axum::body::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    Attribute, Attributes, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutOptions, path::Path,
};

pub use location::{Location, LocationError};
pub use open::{Credentials, OpenError};
pub use output_name::{InvalidOutputName, OutputName};
pub use upload::{UPLOAD_MEMORY, UploadError, Uploaded};

/// Number of objects of a folder that are deleted at the same time.
const DELETIONS: usize = 8;

/// Client of the object storage.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// Prefix of all object names: empty, or ends with `/`.
    prefix: String,
    /// URL of the storage without the prefix, for people. Ends with `/`.
    url: String,
    /// Whether the storage records media types; a directory does not.
    records_media_types: bool,
}

/// Content of an object, as a stream.
pub struct ObjectContent {
    /// Size in bytes.
    pub bytes: u64,
    /// Content, in chunks.
    pub stream: BoxStream<'static, Result<Bytes, Error>>,
}

/// An object cannot be written, read or deleted.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} object {name}")]
pub struct Error {
    /// Operation: `write`, `read`, `copy`, `list` or `delete`.
    pub action: &'static str,
    /// Name of the object.
    pub name: String,
    /// Error that the storage returned.
    pub source: object_store::Error,
}

impl Objects {
    /// Writes an object, or overwrites it with the same content. Readers never see a part of it.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be reached, is full, or refuses the write.
    pub async fn put(&self, name: &str, bytes: Bytes, media_type: &str) -> Result<(), Error> {
        let mut options = PutOptions::default();
        if self.records_media_types {
            let media_type = object_store::AttributeValue::from(media_type.to_owned());
            options.attributes = Attributes::from_iter([(Attribute::ContentType, media_type)]);
        }
        let written = self.store.put_opts(&self.path(name), bytes.into(), options).await;
        written.map(drop).map_err(|source| error("write", name, source))
    }

    /// Opens an object for reading; returns `None` if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be reached or refuses the request.
    pub async fn get(&self, name: &str) -> Result<Option<ObjectContent>, Error> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => {
                let (bytes, name) = (found.meta.size, name.to_owned());
                let stream = found.into_stream().map_err(move |source| error("read", &name, source));
                Ok(Some(ObjectContent { bytes, stream: stream.boxed() }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(error("read", name, source)),
        }
    }

    /// Copies an object within the storage, and returns whether it exists. A copy that exists already is overwritten.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be reached, is full, or refuses the request.
    pub async fn copy(&self, name: &str, copy: &str) -> Result<bool, Error> {
        match self.store.copy(&self.path(name), &self.path(copy)).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(error("copy", name, source)),
        }
    }

    /// Returns the URL of an object or a folder, for people and their tools.
    #[must_use]
    pub fn url(&self, name: &str) -> String {
        format!("{}{}{name}", self.url, self.prefix)
    }

    /// Deletes an object. An object that does not exist counts as deleted.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be reached or refuses the request.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(error("delete", name, source)),
        }
    }

    /// Deletes all objects in a folder. A folder that does not exist counts as deleted.
    ///
    /// # Errors
    /// Returns an error if the storage cannot be reached or refuses a request. Some of the objects may be deleted then.
    pub async fn delete_folder(&self, folder: &str) -> Result<(), Error> {
        let delete = |found: ObjectMeta| async move {
            match self.store.delete(&found.location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(error("delete", found.location.as_ref(), source)),
            }
        };
        let found = self.store.list(Some(&self.path(folder)));
        let found = found.map_err(|source| error("list", folder, source));
        found.try_for_each_concurrent(DELETIONS, delete).await
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }
}

fn error(action: &'static str, name: &str, source: object_store::Error) -> Error {
    Error { action, name: name.to_owned(), source }
}
