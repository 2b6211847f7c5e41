//! Object storage: a directory, or a bucket that speaks S3. Objects are written once, under names that derive from
//! what they hold, read whole, and deleted; nothing is ever changed or listed.

mod directory;
mod s3;
#[cfg(test)]
mod tests;
mod url;

use axum::body::Bytes;
use futures::stream::BoxStream;

use directory::Directory;
use s3::S3;

pub use s3::Credentials;
pub use url::{Location, UrlError};

/// Where objects are.
#[derive(Clone, Debug)]
pub struct Objects(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Directory(Directory),
    S3(S3),
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
pub enum Error {
    /// The directory does not do what is wanted.
    #[error("failed to {action} object {name}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The object's name.
        name: String,
        /// What came back.
        source: std::io::Error,
    },
    /// The bucket's server does not answer.
    #[error("failed to {action} object {name}")]
    Http {
        /// What was tried.
        action: &'static str,
        /// The object's name.
        name: String,
        /// What came back.
        source: reqwest::Error,
    },
    /// The bucket's server refuses.
    #[error("failed to {action} object {name}: the server answered {status}: {message}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// The object's name.
        name: String,
        /// The HTTP status.
        status: u16,
        /// The beginning of what it says.
        message: String,
    },
}

impl Objects {
    /// The storage at a location. Nothing is asked of it yet.
    ///
    /// # Errors
    /// No HTTP client can be built.
    pub fn new(location: Location, credentials: Credentials) -> reqwest::Result<Self> {
        Ok(Self(match location {
            Location::Directory(root) => Kind::Directory(Directory::new(root)),
            Location::Bucket { bucket, prefix } => Kind::S3(S3::new(&bucket, &prefix, credentials)?),
        }))
    }

    /// Writes an object, or the same one once more. It is there as a whole or not at all.
    ///
    /// # Errors
    /// The storage is away, full, or refuses.
    pub async fn put(&self, name: &str, bytes: Bytes, media_type: &str) -> Result<(), Error> {
        match &self.0 {
            Kind::Directory(directory) => directory.put(name, &bytes).await,
            Kind::S3(s3) => s3.put(name, bytes, media_type).await,
        }
    }

    /// An object, if it is there.
    ///
    /// # Errors
    /// The storage is away or refuses.
    pub async fn get(&self, name: &str) -> Result<Option<Reading>, Error> {
        match &self.0 {
            Kind::Directory(directory) => directory.get(name).await,
            Kind::S3(s3) => s3.get(name).await,
        }
    }

    /// Deletes an object. That it is gone already is success.
    ///
    /// # Errors
    /// The storage is away or refuses.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        match &self.0 {
            Kind::Directory(directory) => directory.delete(name).await,
            Kind::S3(s3) => s3.delete(name).await,
        }
    }
}
