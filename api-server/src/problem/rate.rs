//! The problem of requests beyond a rate, and the headers that show what remains of a rate.

use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::{Code, Problem};
use crate::limits::{Allowance, RateExceeded};

/// State of the rates after a request: `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
pub type RateHeaders = [(HeaderName, HeaderValue); 2];

/// Builds the problem of a request beyond a rate. `subject` names who has sent too many.
#[must_use]
pub fn rate_limited(subject: &str, RateExceeded(allowance): &RateExceeded) -> Problem {
    let (limit, seconds) = (allowance.limit, seconds_rounded_up(allowance.reset));
    let detail =
        format!("the {subject} may send {limit} requests a minute; repeat the request after {seconds} s");
    let problem = Problem::new(Code::RateLimited).detail(detail);
    let [policy, state] = rate_headers(subject, *allowance);
    problem.retry_after(Duration::from_secs(seconds)).header(policy.0, policy.1).header(state.0, state.1)
}

/// Returns the headers that show what remains of the rate with this name.
#[must_use]
pub fn rate_headers(name: &str, Allowance { limit, remaining, reset }: Allowance) -> RateHeaders {
    let value = |text: String| HeaderValue::try_from(text).expect("names and numbers are printable ASCII");
    [
        (HeaderName::from_static("ratelimit-policy"), value(format!("\"{name}\";q={limit};w=60"))),
        (
            HeaderName::from_static("ratelimit"),
            value(format!("\"{name}\";r={remaining};t={}", seconds_rounded_up(reset))),
        ),
    ]
}

/// Rounds up, so that a client that waits as long is not refused again.
fn seconds_rounded_up(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}
