//! The extractor of `Prefer: wait=30` (RFC 7240), the time that a response may wait for the end of a run.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};

use crate::app::runs::Waited;

/// Maximum wait. Proxies commonly close a silent connection after 60 s.
const MAX_WAIT: Duration = Duration::from_secs(55);

/// Time that the client prefers to wait; zero without the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Wait(pub(in crate::http) Duration);

impl Wait {
    /// Reads the preference. A preference that cannot be parsed is ignored, as the RFC requires.
    pub(in crate::http) fn from_headers(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
        let preferences = values.flat_map(|value| value.split(','));
        Self(preferences.filter_map(wait).next().unwrap_or(Duration::ZERO).min(MAX_WAIT))
    }

    /// Returns the header that confirms the preference, if there was one and the request waited as long.
    pub(in crate::http) fn applied(self, waited: &Waited) -> Option<(HeaderName, HeaderValue)> {
        let seconds = self.0.as_secs();
        let value = HeaderValue::from_str(&format!("wait={seconds}")).ok()?;
        (seconds > 0 && waited.is_complete).then(|| (HeaderName::from_static("preference-applied"), value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::from_headers(&parts.headers))
    }
}

fn wait(preference: &str) -> Option<Duration> {
    let (name, value) = preference.split(';').next()?.split_once('=')?;
    let seconds = value.trim().trim_matches('"').parse().ok()?;
    name.trim().eq_ignore_ascii_case("wait").then(|| Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(value: &'static str) -> u64 {
        Wait::from_headers(&HeaderMap::from_iter([(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(value),
        )]))
        .0
        .as_secs()
    }

    /// The wait is honoured even if the header has other preferences.
    #[test]
    fn the_wait_is_found_among_other_preferences() {
        assert_eq!(seconds("wait=30"), 30);
        assert_eq!(seconds("respond-async, Wait=\"10\"; foo=1"), 10);
    }

    /// An invalid preference never fails a request, and the wait is bounded.
    #[test]
    fn invalid_preferences_are_ignored_and_long_ones_are_shortened() {
        assert_eq!(seconds("wait=soon"), 0);
        assert_eq!(seconds("wait=86400"), 55);
    }

    proptest::proptest! {
        /// Whatever the header, a response waits for a bounded time.
        #[test]
        fn any_text_is_a_bounded_preference(text in "(wait ?= ?\"?[0-9]{0,24}\"?|[;,= a-z]{0,9}|\\PC{0,9}){0,4}") {
            let Ok(value) = HeaderValue::from_str(&text) else { return Ok(()) };
            let wait = Wait::from_headers(&HeaderMap::from_iter([(HeaderName::from_static("prefer"), value)]));
            proptest::prop_assert!(wait.0 <= MAX_WAIT);
        }
    }
}
