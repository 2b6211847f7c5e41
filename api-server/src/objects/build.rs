//! The storage at a location.

use std::{path::PathBuf, sync::Arc, time::Duration};

use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig, aws::AmazonS3Builder, local::LocalFileSystem,
};

use super::{Location, Objects};

/// 16 MiB in a minute is a slow network; one that is slower is a broken one.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// How long a request is tried again: the runner that waits for it tries again itself.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tries of one request after the first, where the server is away or asks for patience.
const RETRIES: usize = 2;

/// How to reach the bucket's server, and as whom. Without a key, what the machine or the service account is given is
/// asked for (instance metadata, web identity).
#[derive(Clone, Default)]
pub struct Credentials {
    /// The server's URL where it is not Amazon's; buckets are then the first part of the path.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The id of the key, and the key.
    pub key: Option<(String, String)>,
    /// The token that temporary keys come with.
    pub session_token: Option<String>,
}

/// Why a storage cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be made.
    #[error("failed to make the directory {path} for objects")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What came back.
        source: std::io::Error,
    },
    /// What is configured does not make a storage.
    #[error("failed to set up object storage")]
    Store(#[from] object_store::Error),
}

impl Objects {
    /// The storage at a location. Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// The directory cannot be made, or what is said of the bucket is not enough.
    pub fn open(location: Location, credentials: Credentials) -> Result<Self, OpenError> {
        Ok(match location {
            Location::Directory(path) => {
                std::fs::create_dir_all(&path)
                    .map_err(|source| OpenError::Directory { path: path.clone(), source })?;
                // A crash of the machine must leave no reference to half an object.
                let store = LocalFileSystem::new_with_prefix(path)?.with_fsync(true);
                Self { store: Arc::new(store), prefix: String::new(), keeps_media_types: false }
            }
            Location::Bucket { bucket, prefix } => {
                Self { store: open_bucket(&bucket, credentials)?, prefix, keeps_media_types: true }
            }
        })
    }
}

fn open_bucket(bucket: &str, credentials: Credentials) -> object_store::Result<Arc<dyn ObjectStore>> {
    let Credentials { endpoint, region, key, session_token } = credentials;
    let retry =
        RetryConfig { backoff: BackoffConfig::default(), max_retries: RETRIES, retry_timeout: PATIENCE };
    let plain = endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
    let client =
        ClientOptions::new().with_timeout(REQUEST).with_connect_timeout(CONNECT).with_allow_http(plain);
    // The variables that web identities and containers are given.
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
