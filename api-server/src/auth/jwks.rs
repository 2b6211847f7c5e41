//! The keys of an issuer: cached, fetched once for all waiting callers, and retained if a fetch fails.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{DecodingKey, jwk::Jwk};
use moka::future::Cache;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{discovery, fetch, issuer::Issuer};

/// Time after which the keys are fetched again. A withdrawn key is accepted for at most this time while the issuer is
/// available.
const KEYS_TTL: Duration = Duration::from_secs(600);
/// Minimum time between two fetches. Tokens with unknown key ids cause at most one fetch in this time.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);

/// Error of a key lookup.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The issuer has no such key.
    #[error("failed to find key {kid}")]
    Unknown {
        /// Key id of the token; empty if the token names none.
        kid: String,
    },
    /// The keys of the issuer have never been fetched successfully.
    #[error("failed to get the keys of issuer {issuer}")]
    Unavailable {
        /// `issuer` as configured.
        issuer: String,
    },
}

type Keys = HashMap<String, Arc<DecodingKey>>;

#[derive(Clone)]
struct FetchedKeys {
    keys: Arc<Keys>,
    fetched_at: Instant,
}

/// Keys of one issuer.
pub(super) struct KeySet {
    issuer: Issuer,
    client: Client,
    /// Keys of the last successful fetch. They are retained if later fetches fail.
    keys: RwLock<Option<FetchedKeys>>,
    /// The entry of the last fetch, successful or not, which expires after [`FETCH_INTERVAL`]. Callers that need a
    /// fetch at the same time share one.
    recent_fetch: Cache<(), ()>,
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<Value>,
}

impl KeySet {
    pub(super) fn new(issuer: Issuer, client: Client) -> Self {
        let recent_fetch = Cache::builder().max_capacity(1).time_to_live(FETCH_INTERVAL).build();
        Self { issuer, client, keys: RwLock::new(None), recent_fetch }
    }

    /// Returns the key with an id, or the only key if the token names none.
    ///
    /// # Errors
    /// Returns an error if the issuer has no such key, or if its keys have never been fetched successfully.
    pub(super) async fn key(&self, kid: Option<&str>) -> Result<Arc<DecodingKey>, Error> {
        let fresh = self.fetched_keys().filter(|keys| keys.fetched_at.elapsed() < KEYS_TTL);
        if let Some(key) = fresh.and_then(|keys| keys.find(kid)) {
            return Ok(key);
        }
        self.recent_fetch.get_with((), self.refresh()).await;
        let Some(keys) = self.fetched_keys() else {
            return Err(Error::Unavailable { issuer: self.issuer.issuer.clone() });
        };
        keys.find(kid).ok_or_else(|| Error::Unknown { kid: kid.unwrap_or_default().to_owned() })
    }

    /// Fetches the keys, and retains the previous ones if that fails.
    async fn refresh(&self) {
        match self.fetch().await {
            Ok(keys) => self.replace(FetchedKeys { keys: Arc::new(keys), fetched_at: Instant::now() }),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(
                    issuer = %self.issuer.issuer,
                    error,
                    "failed to fetch the issuer's keys; the previous ones are retained"
                );
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, fetch::Error> {
        let url = discovery::jwks_url(&self.client, &self.issuer).await?;
        let document: KeySetDocument = fetch::json(&self.client, &url).await?;
        Ok(document.keys.into_iter().filter_map(parse_key).collect())
    }

    fn fetched_keys(&self) -> Option<FetchedKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, keys: FetchedKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }
}

impl FetchedKeys {
    fn find(&self, kid: Option<&str>) -> Option<Arc<DecodingKey>> {
        match kid {
            Some(kid) => self.keys.get(kid).cloned(),
            None => self.keys.values().next().filter(|_| self.keys.len() == 1).cloned(),
        }
    }
}

/// Parses a key. A key of an unsupported type or for encryption is skipped, so that the others remain usable.
fn parse_key(value: Value) -> Option<(String, Arc<DecodingKey>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id.unwrap_or_default(), Arc::new(key)))
}
