//! The keys of an issuer: cached, fetched once for all waiting callers, and retained if a fetch fails.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, KeyOperations, PublicKeyUse},
};
use moka::future::Cache;
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::{discovery, fetch, issuer::Issuer};

/// Time after which the keys are fetched again. A withdrawn key is accepted for at most this time, and for one more
/// token, while the issuer is available.
const KEYS_TTL: Duration = Duration::from_secs(600);
/// Minimum time between two fetches. Tokens with unknown key ids cause at most one fetch in this time.
const FETCH_INTERVAL: Duration = Duration::from_secs(10);
/// Time limit of a fetch with its discovery. Only tokens with an unknown key wait for it.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum number of keys of an issuer. Large providers have about ten.
const MAX_KEYS: usize = 64;

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

/// Key that verifies signatures.
pub(super) struct Key {
    pub(super) key: DecodingKey,
    /// Algorithm for which the issuer publishes the key; `None` if it does not say.
    pub(super) algorithm: Option<Algorithm>,
}

type Keys = HashMap<String, Arc<Key>>;

#[derive(Clone)]
struct FetchedKeys {
    keys: Arc<Keys>,
    /// Time at which they are fetched again.
    due_at: Instant,
}

/// Keys of one issuer. Clones share them.
#[derive(Clone)]
pub(super) struct KeySet(Arc<Shared>);

struct Shared {
    issuer: Issuer,
    client: Client,
    /// Fetches in the background.
    fetches: TaskTracker,
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
    /// Creates an empty set. The tracker owns the fetches in the background, so that they can be awaited.
    pub(super) fn new(issuer: Issuer, client: Client, fetches: TaskTracker) -> Self {
        let recent_fetch = Cache::builder().max_capacity(1).time_to_live(FETCH_INTERVAL).build();
        Self(Arc::new(Shared { issuer, client, fetches, keys: RwLock::new(None), recent_fetch }))
    }

    /// Returns the key with an id, or the only key if the token names none. A known key is returned at once; if it is
    /// due for a fetch, that happens in the background, so that a slow issuer delays no token with a known key.
    ///
    /// # Errors
    /// Returns an error if the issuer has no such key, or if its keys have never been fetched successfully.
    pub(super) async fn key(&self, kid: Option<&str>) -> Result<Arc<Key>, Error> {
        let known = self.0.fetched_keys();
        if let Some(key) = known.as_ref().and_then(|keys| keys.find(kid)) {
            if known.is_some_and(|keys| keys.due_at <= Instant::now()) {
                let own = self.clone();
                self.0.fetches.spawn(async move { own.fetch_once().await });
            }
            return Ok(key);
        }
        self.fetch_once().await;
        let Some(keys) = self.0.fetched_keys() else {
            return Err(Error::Unavailable { issuer: self.0.issuer.issuer.clone() });
        };
        keys.find(kid).ok_or_else(|| Error::Unknown { kid: kid.unwrap_or_default().to_owned() })
    }

    /// Makes the keys due for a fetch.
    #[cfg(test)]
    pub(super) fn expire(&self) {
        let keys = self.0.fetched_keys().unwrap();
        self.0.replace(FetchedKeys { due_at: Instant::now(), ..keys });
        self.0.recent_fetch.invalidate_all();
    }

    async fn fetch_once(&self) {
        self.0.recent_fetch.get_with((), self.0.refresh()).await;
    }
}

impl Shared {
    /// Fetches the keys, and retains the previous ones if that fails.
    async fn refresh(&self) {
        let fetched = tokio::time::timeout(FETCH_TIMEOUT, self.fetch()).await;
        match fetched.unwrap_or(Err(fetch::Error::Timeout { seconds: FETCH_TIMEOUT.as_secs() })) {
            Ok(keys) => {
                self.replace(FetchedKeys { keys: Arc::new(keys), due_at: Instant::now() + KEYS_TTL });
            }
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
        Ok(document.keys.into_iter().filter_map(parse_key).take(MAX_KEYS).collect())
    }

    fn fetched_keys(&self) -> Option<FetchedKeys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, keys: FetchedKeys) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(keys);
    }
}

impl FetchedKeys {
    fn find(&self, kid: Option<&str>) -> Option<Arc<Key>> {
        match kid {
            Some(kid) => self.keys.get(kid).cloned(),
            None => self.keys.values().next().filter(|_| self.keys.len() == 1).cloned(),
        }
    }
}

/// Parses a key. A key of an unsupported type, or one that is not for verifying signatures, is skipped, so that the
/// others remain usable.
fn parse_key(value: Value) -> Option<(String, Arc<Key>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let common = &jwk.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|usage| *usage == PublicKeyUse::Signature);
    let may_verify =
        common.key_operations.as_ref().is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures || !may_verify {
        return None;
    }
    let algorithm = match common.key_algorithm {
        // An algorithm that signs nothing, such as one for encryption, does not parse.
        Some(algorithm) => Some(algorithm.to_string().parse().ok()?),
        None => None,
    };
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id.unwrap_or_default(), Arc::new(Key { key, algorithm })))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A key verifies signatures only if its issuer publishes it for that.
    #[test]
    fn keys_for_other_purposes_are_skipped() {
        let key = |others: Value| {
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "kid": "one",
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
            key.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
            parse_key(key).map(|(_, key)| key.algorithm)
        };
        assert_eq!(key(json!({})), Some(None));
        assert_eq!(key(json!({"use": "sig", "alg": "EdDSA"})), Some(Some(Algorithm::EdDSA)));
        assert_eq!(key(json!({"key_ops": ["verify"]})), Some(None));
        for others in [
            json!({"use": "enc"}),
            json!({"use": "other"}),
            json!({"key_ops": ["sign"]}),
            json!({"key_ops": []}),
            json!({"use": "sig", "key_ops": ["encrypt"]}),
            json!({"alg": "RSA-OAEP"}),
            json!({"alg": "none"}),
        ] {
            assert_eq!(key(others.clone()), None, "{others}");
        }
    }
}
