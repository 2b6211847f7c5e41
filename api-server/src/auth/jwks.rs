//! An issuer's keys: cached, fetched by one caller at a time, and kept when a fetch fails.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use jsonwebtoken::{DecodingKey, jwk::Jwk};
use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;
use tokio::{sync::Mutex, time::Instant};

use super::{discovery, fetch, issuer::Issuer};

/// A key that an issuer has withdrawn is accepted at most this long, as long as the issuer answers.
const FRESH: Duration = Duration::from_secs(600);
/// Tokens with invented key ids make at most one fetch in this time.
const COOL_DOWN: Duration = Duration::from_secs(10);

/// Why no key can be given.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The issuer has no such key.
    #[error("failed to find key {kid}")]
    Unknown {
        /// The token's key id; empty when it names none.
        kid: String,
    },
    /// The issuer's keys were never had.
    #[error("failed to get the keys of issuer {issuer}")]
    Unavailable {
        /// The `issuer` as configured.
        issuer: String,
    },
}

type Keys = HashMap<String, Arc<DecodingKey>>;

#[derive(Clone)]
struct Fetched {
    keys: Arc<Keys>,
    at: Instant,
}

/// The keys of one issuer.
pub(super) struct KeySet {
    issuer: Issuer,
    client: Client,
    fetched: RwLock<Option<Fetched>>,
    /// The time of the last attempt; its lock is what makes a fetch single.
    attempted: Mutex<Option<Instant>>,
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

impl KeySet {
    pub(super) fn new(issuer: Issuer, client: Client) -> Self {
        Self { issuer, client, fetched: RwLock::new(None), attempted: Mutex::new(None) }
    }

    /// The key of an id, or the only key where a token names none.
    ///
    /// # Errors
    /// The issuer has no such key, or its keys could never be fetched.
    pub(super) async fn key(&self, kid: Option<&str>) -> Result<Arc<DecodingKey>, Error> {
        let cached = self.cached();
        if let Some(key) = cached.as_ref().filter(|it| it.at.elapsed() < FRESH).and_then(|it| it.find(kid)) {
            return Ok(key);
        }
        self.refresh(cached.map(|it| it.at)).await;
        let Some(fetched) = self.cached() else {
            return Err(Error::Unavailable { issuer: self.issuer.issuer.clone() });
        };
        fetched.find(kid).ok_or_else(|| Error::Unknown { kid: kid.unwrap_or_default().to_owned() })
    }

    /// Fetches, unless another caller has done so since `seen`, or has just tried.
    async fn refresh(&self, seen: Option<Instant>) {
        let mut attempted = self.attempted.lock().await;
        let renewed = self.cached().map(|it| it.at) != seen;
        if renewed || attempted.is_some_and(|at| at.elapsed() < COOL_DOWN) {
            return;
        }
        *attempted = Some(Instant::now());
        match self.fetch().await {
            Ok(keys) => self.store(Fetched { keys: Arc::new(keys), at: Instant::now() }),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(issuer = %self.issuer.issuer, error, "keeping the issuer's old keys");
            }
        }
    }

    async fn fetch(&self) -> Result<Keys, fetch::Error> {
        let url = discovery::jwks_url(&self.client, &self.issuer).await?;
        let document: Document = fetch::json(&self.client, &url).await?;
        Ok(document.keys.into_iter().filter_map(parse).collect())
    }

    fn cached(&self) -> Option<Fetched> {
        self.fetched.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store(&self, fetched: Fetched) {
        *self.fetched.write().unwrap_or_else(PoisonError::into_inner) = Some(fetched);
    }
}

impl Fetched {
    fn find(&self, kid: Option<&str>) -> Option<Arc<DecodingKey>> {
        match kid {
            Some(kid) => self.keys.get(kid).cloned(),
            None => self.keys.values().next().filter(|_| self.keys.len() == 1).cloned(),
        }
    }
}

/// A key that cannot be used (another type, for encryption) is left out; the others stay usable.
fn parse(value: Value) -> Option<(String, Arc<DecodingKey>)> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some((jwk.common.key_id.unwrap_or_default(), Arc::new(key)))
}
