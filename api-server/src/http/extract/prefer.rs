//! `Prefer: wait=30` (RFC 7240): how long an answer may wait for a run to end.

use std::{convert::Infallible, time::Duration};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
};

/// Proxies commonly close a silent connection after 60 s.
const MAX: Duration = Duration::from_secs(55);

/// How long the client prefers to wait; zero when it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) struct Wait(pub(in crate::http) Duration);

impl Wait {
    /// Reads the preference. One that cannot be read is no preference, as the RFC has it.
    pub(in crate::http) fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all("prefer").into_iter().filter_map(|value| value.to_str().ok());
        let preferences = values.flat_map(|value| value.split(','));
        Self(preferences.filter_map(wait).next().unwrap_or(Duration::ZERO).min(MAX))
    }

    /// The header that says that the preference was honoured, if there was one.
    pub(in crate::http) fn applied(self) -> Option<(HeaderName, HeaderValue)> {
        let seconds = self.0.as_secs();
        let value = HeaderValue::from_str(&format!("wait={seconds}")).ok()?;
        (seconds > 0).then(|| (HeaderName::from_static("preference-applied"), value))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
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

    fn of(value: &'static str) -> u64 {
        Wait::of(&HeaderMap::from_iter([(
            HeaderName::from_static("prefer"),
            HeaderValue::from_static(value),
        )]))
        .0
        .as_secs()
    }

    /// A script that waits for its run gets an answer at once, and takes it for the end.
    #[test]
    fn the_wait_is_found_among_other_preferences() {
        assert_eq!(of("wait=30"), 30);
        assert_eq!(of("respond-async, Wait=\"10\"; foo=1"), 10);
    }

    /// A request is refused over a header that is only a preference.
    #[test]
    fn nonsense_is_no_preference_and_too_long_is_cut() {
        assert_eq!(of("wait=soon"), 0);
        assert_eq!(of("wait=86400"), 55);
    }
}
