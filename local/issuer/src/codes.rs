//! Codes that were issued and not exchanged yet.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::people::Person;

/// Time within which a code must be exchanged.
const LIFETIME: Duration = Duration::from_secs(60);
/// Maximum number of codes. Further logins replace the oldest one.
const MAX_CODES: usize = 1_000;

/// What a code stands for.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) person: &'static Person,
    pub(crate) redirect_uri: String,
    pub(crate) nonce: String,
    pub(crate) code_challenge: String,
}

/// Codes, each of which is exchanged once.
#[derive(Debug, Default)]
pub(crate) struct Codes(Mutex<HashMap<String, (Instant, Grant)>>);

impl Codes {
    /// Returns a new code.
    pub(crate) fn issue(&self, grant: Grant) -> String {
        let code = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let now = Instant::now();
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|_, (issued, _)| now.duration_since(*issued) < LIFETIME);
        if codes.len() >= MAX_CODES
            && let Some(oldest) =
                codes.iter().min_by_key(|(_, (issued, _))| *issued).map(|(code, _)| code.clone())
        {
            codes.remove(&oldest);
        }
        codes.insert(code.clone(), (now, grant));
        code
    }

    /// Returns what a code stands for; `None` if it is unknown, expired or was taken before.
    pub(crate) fn take(&self, code: &str) -> Option<Grant> {
        let now = Instant::now();
        let (issued, grant) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code)?;
        (now.duration_since(issued) < LIFETIME).then_some(grant)
    }
}
