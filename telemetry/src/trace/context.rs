//! A position in a trace, as the header `traceparent` names it.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::sampling;
use crate::ids;

/// Length of `traceparent` in its only version, `00-TRACE-SPAN-FLAGS`.
const LENGTH: usize = 55;
/// Flag of a trace that is recorded.
const SAMPLED: u8 = 1;

/// Position in a trace: `traceparent` of <https://www.w3.org/TR/trace-context/>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace. It is recorded if it belongs to the sample.
    #[must_use]
    pub fn begin() -> Self {
        Self { trace: ids::trace_id(), span: ids::span_id(), flags: SAMPLED }.within_sample()
    }

    /// Begins the trace of a Kubernetes object: its ID is the UID of the object, so that all processes that work on the object
    /// continue the same trace.
    #[must_use]
    pub fn of_object(uid: &str) -> Self {
        let trace = Uuid::from_str(uid).ok().map(|uid| uid.as_u128()).filter(|trace| *trace != 0);
        trace.map_or_else(Self::begin, |trace| {
            Self { trace, span: ids::span_id(), flags: SAMPLED }.within_sample()
        })
    }

    /// Returns the context of a new span below the one that a client has sent. It is recorded if the client wants it, and if it
    /// belongs to the sample.
    #[must_use]
    pub fn continue_from(self) -> Self {
        self.child().within_sample()
    }

    /// Reads a header; `None` if it is not valid. Of later versions, the part that this one knows is read, as the specification
    /// requires.
    #[must_use]
    pub fn parse(traceparent: &str) -> Option<Self> {
        let known = traceparent.get(..LENGTH)?;
        let following = traceparent.get(LENGTH..)?;
        let mut parts = known.split('-');
        let version = hex(parts.next()?, 2)?;
        let trace = hex(parts.next()?, 32)?;
        let span = u64::try_from(hex(parts.next()?, 16)?).ok()?;
        let flags = u8::try_from(hex(parts.next()?, 2)?).ok()?;
        let has_known_form = match version {
            0 => following.is_empty(),
            0xff => false,
            _ => following.is_empty() || following.starts_with('-'),
        };
        (has_known_form && trace != 0 && span != 0).then_some(Self { trace, span, flags: flags & SAMPLED })
    }

    /// Returns the context of a new span below this one.
    #[must_use]
    pub fn child(self) -> Self {
        Self { span: ids::span_id(), ..self }
    }

    /// Returns the ID of the trace, as 32 hex digits.
    #[must_use]
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// Returns the ID of the span, as 16 hex digits.
    #[must_use]
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }

    /// Returns whether the trace is recorded.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        self.flags & SAMPLED == SAMPLED
    }

    pub(super) fn numbers(self) -> (u128, u64) {
        (self.trace, self.span)
    }

    fn within_sample(self) -> Self {
        let flags = if sampling::contains(self.trace) { self.flags } else { self.flags & !SAMPLED };
        Self { flags, ..self }
    }
}

/// Writes the value of the header.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace, span, flags } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

/// Reads lower-case hex digits of an exact number.
fn hex(digits: &str, length: usize) -> Option<u128> {
    let is_digit = |digit: u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit);
    let is_valid = digits.len() == length && digits.bytes().all(is_digit);
    if is_valid { u128::from_str_radix(digits, 16).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALID: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// A valid header keeps its trace, and each span below it has an ID of its own.
    #[test]
    fn a_trace_is_continued() {
        let context = TraceContext::parse(VALID).unwrap();
        assert_eq!(context.to_string(), VALID);
        let child = context.child();
        assert_eq!(child.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(child.span_id(), "00f067aa0ba902b7");
        assert_eq!(TraceContext::parse(&child.to_string()), Some(child));
        let later = format!("01{}-what-follows", VALID.trim_start_matches("00"));
        assert_eq!(TraceContext::parse(&later), Some(context));
    }

    /// A header that is not valid begins no trace, so that none is forged into the logs.
    #[test]
    fn headers_that_are_not_valid_are_refused() {
        for header in [
            "",
            "00",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
            "00-4bf92f3577b34da6a3ce929d0e0e473ö-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header}");
        }
    }

    /// All processes that work on an object continue one trace, each with a span of its own.
    #[test]
    fn an_object_has_one_trace() {
        let uid = "4bf92f35-77b3-4da6-a3ce-929d0e0e4736";
        let (one, two) = (TraceContext::of_object(uid), TraceContext::of_object(uid));
        assert_eq!(one.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(one.trace_id(), two.trace_id());
        assert_ne!(one.span_id(), two.span_id());
        for invalid in ["", "run-uid", "00000000-0000-0000-0000-000000000000"] {
            assert!(TraceContext::parse(&TraceContext::of_object(invalid).to_string()).is_some());
        }
    }
}
