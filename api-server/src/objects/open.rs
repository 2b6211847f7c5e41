//! Opens the object storage at a location.

use std::{path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
};

use super::{Location, Objects};

/// Timeout of one request, with the transfer of what it returns. An object has at most 50 MiB, and a client that downloads it may be as slow
/// as 2 Mbit/s.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(240);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time during which a request is retried. It is short, because the runner that waits for the response also
/// retries.
const RETRY_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum number of retries of one request, if the server cannot be reached or requests a later retry.
const MAX_RETRIES: usize = 2;

/// Endpoint and credentials of the bucket. Without a key, the credentials of the machine or the service
/// account are used (instance metadata, web identity).
#[derive(Clone, Default)]
pub struct Credentials {
    /// URL of the server if it is not Amazon S3; requests then use path-style addressing.
    pub endpoint: Option<String>,
    /// Region.
    pub region: String,
    /// Access key ID and secret access key.
    pub key: Option<(String, String)>,
    /// Session token of temporary credentials.
    pub session_token: Option<String>,
}

/// The object storage cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be created.
    #[error("failed to create the directory {path} for objects")]
    Directory {
        /// Path of the directory.
        path: PathBuf,
        /// Error that the operating system returned.
        source: std::io::Error,
    },
    /// The configuration of the storage is invalid or incomplete.
    #[error("failed to set up object storage")]
    Store(#[from] object_store::Error),
}

impl Objects {
    /// Opens the storage at a location. A directory is created; no request is sent to a bucket yet.
    ///
    /// # Errors
    /// Returns an error if the directory cannot be created, or if the configuration of the bucket is incomplete.
    pub fn open(location: Location, credentials: Credentials) -> Result<Self, OpenError> {
        Ok(match location {
            Location::Directory(path) => {
                std::fs::create_dir_all(&path)
                    .map_err(|source| OpenError::Directory { path: path.clone(), source })?;
                // After a crash of the machine, no reference may point to an incomplete object.
                let url = format!("file://{}/", path.display());
                let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                Self { store: Arc::new(store), prefix: String::new(), url, records_media_types: false }
            }
            Location::Bucket { bucket, prefix } => {
                let (store, url) = (open_bucket(&bucket, credentials)?, format!("s3://{bucket}/"));
                Self { store, prefix, url, records_media_types: true }
            }
        })
    }
}

fn open_bucket(bucket: &str, credentials: Credentials) -> object_store::Result<Arc<dyn ObjectStore>> {
    let Credentials { endpoint, region, key, session_token } = credentials;
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: MAX_RETRIES,
        retry_timeout: RETRY_TIMEOUT,
    };
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let client = ClientOptions::new()
        .with_timeout(REQUEST_TIMEOUT)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(plain);
    // Reads the variables that are set for web identities and containers.
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_region(region)
        .with_retry(retry)
        .with_client_options(client);
    if let Some(endpoint) = endpoint {
        builder = builder.with_endpoint(endpoint).with_virtual_hosted_style_request(false);
    }
    if let Some((id, secret)) = key {
        builder = builder.with_access_key_id(id).with_secret_access_key(secret);
    }
    if let Some(token) = session_token {
        builder = builder.with_token(token);
    }
    Ok(Arc::new(builder.build()?))
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { endpoint, region, key, session_token: _ } = self;
        f.debug_struct("Credentials")
            .field("endpoint", endpoint)
            .field("region", region)
            .field("key", &key.as_ref().map(|(id, _)| id))
            .finish_non_exhaustive()
    }
}
