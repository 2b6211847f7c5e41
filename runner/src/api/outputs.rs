//! Upload and download of values in object storage.

use crds::run::OutputRef;
use http::header::CONTENT_TYPE;
use protocol::internal::{RefusalCode, Stored, output_path, outputs_path};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{
    api::{
        client::{ApiServer, RETRY_POLICY},
        errors::{ApiError, FetchError, StoreError},
    },
    retry::retry,
};

/// Media type of all stored values.
const MEDIA_TYPE: &str = "application/json";

impl ApiServer {
    /// Stores a value of a run. A repeated value is stored only once.
    ///
    /// # Errors
    /// Returns an error if no object storage is configured, the value is too large, or retries for a minute failed.
    pub(crate) async fn store(&self, run_uid: &str, value: &Value) -> Result<OutputRef, StoreError> {
        let body = serde_json::to_vec(value).map_err(StoreError::Encode)?;
        let bytes = body.len();
        let url = self.url(&output_path(run_uid, &hex::encode(Sha256::digest(&body))));
        let upload = || async {
            let request = self.client.put(url.clone()).header(CONTENT_TYPE, MEDIA_TYPE).body(body.clone());
            self.send(request).await?.json::<Stored>().await.map_err(ApiError::Response)
        };
        match retry(RETRY_POLICY, "store an output", upload).await {
            Ok(Stored { uri, bytes, sha256, media_type }) => Ok(OutputRef { uri, bytes, sha256, media_type }),
            Err(ApiError::Refused { code: RefusalCode::NoObjectStorage, .. }) => {
                Err(StoreError::NoStorage { bytes })
            }
            Err(ApiError::Refused { code: RefusalCode::TooLarge, detail, .. }) => {
                Err(StoreError::TooLarge { bytes, detail })
            }
            Err(source) => Err(StoreError::Api { bytes, source }),
        }
    }

    /// Returns a stored value after comparing its SHA-256 with the reference.
    ///
    /// # Errors
    /// Returns an error if the value does not exist or has changed, or retries for a minute failed.
    pub(crate) async fn fetch(&self, run_uid: &str, reference: &OutputRef) -> Result<Value, FetchError> {
        let OutputRef { uri, bytes: _, sha256, media_type: _ } = reference;
        let uri = || uri.clone();
        let mut url = self.url(&outputs_path(run_uid));
        url.query_pairs_mut().append_pair("uri", &reference.uri);
        let download = || async {
            self.send(self.client.get(url.clone())).await?.bytes().await.map_err(ApiError::Response)
        };
        let body = match retry(RETRY_POLICY, "read a stored output", download).await {
            Ok(body) => body,
            Err(ApiError::Refused { code: RefusalCode::NotFound, detail, .. }) => {
                return Err(FetchError::Gone { uri: uri(), reason: detail });
            }
            Err(source) => return Err(FetchError::Api { uri: uri(), source }),
        };
        let found = hex::encode(Sha256::digest(&body));
        if found != *sha256 {
            return Err(FetchError::Changed { uri: uri(), expected: sha256.clone(), found });
        }
        serde_json::from_slice(&body).map_err(|source| FetchError::Json { uri: uri(), source })
    }
}
