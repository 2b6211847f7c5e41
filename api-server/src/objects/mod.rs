//! Object storage: a directory, or a bucket that speaks S3. Objects are written once, under names that derive from
//! what they hold, read whole, and deleted; nothing is ever changed or listed.

mod build;
#[cfg(test)]
mod tests;
mod url;

use std::sync::Arc;

use axum::body::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{Attribute, Attributes, ObjectStore, ObjectStoreExt as _, PutOptions, path::Path};

pub use build::{Credentials, OpenError};
pub use url::{Location, UrlError};

/// Where objects are.
#[derive(Clone, Debug)]
pub struct Objects {
    store: Arc<dyn ObjectStore>,
    /// What the names of objects begin with: empty, or ends with `/`.
    prefix: String,
    /// A directory keeps no media types.
    keeps_media_types: bool,
}

/// An object that is being read.
pub struct Reading {
    /// Its size, in bytes.
    pub bytes: u64,
    /// Its bytes, in pieces.
    pub stream: BoxStream<'static, Result<Bytes, Error>>,
}

/// Why an object could not be written, read or deleted.
#[derive(Debug, thiserror::Error)]
#[error("failed to {action} object {name}")]
pub struct Error {
    /// What was tried.
    pub action: &'static str,
    /// The object's name.
    pub name: String,
    /// What came back.
    pub source: object_store::Error,
}

impl Objects {
    /// Writes an object, or the same one once more. It is there as a whole or not at all.
    ///
    /// # Errors
    /// The storage is away, full, or refuses.
    pub async fn put(&self, name: &str, bytes: Bytes, media_type: &str) -> Result<(), Error> {
        let mut options = PutOptions::default();
        if self.keeps_media_types {
            let media_type = object_store::AttributeValue::from(media_type.to_owned());
            options.attributes = Attributes::from_iter([(Attribute::ContentType, media_type)]);
        }
        let written = self.store.put_opts(&self.path(name), bytes.into(), options).await;
        written.map(drop).map_err(|source| error("write", name, source))
    }

    /// An object, if it is there.
    ///
    /// # Errors
    /// The storage is away or refuses.
    pub async fn get(&self, name: &str) -> Result<Option<Reading>, Error> {
        match self.store.get(&self.path(name)).await {
            Ok(found) => {
                let (bytes, name) = (found.meta.size, name.to_owned());
                let stream = found.into_stream().map_err(move |source| error("read", &name, source));
                Ok(Some(Reading { bytes, stream: stream.boxed() }))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(error("read", name, source)),
        }
    }

    /// Deletes an object. That it is gone already is success.
    ///
    /// # Errors
    /// The storage is away or refuses.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match self.store.delete(&self.path(name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(source) => Err(error("delete", name, source)),
        }
    }

    fn path(&self, name: &str) -> Path {
        Path::from(format!("{}{name}", self.prefix))
    }
}

fn error(action: &'static str, name: &str, source: object_store::Error) -> Error {
    Error { action, name: name.to_owned(), source }
}
