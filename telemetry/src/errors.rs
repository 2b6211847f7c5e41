//! Errors with all their causes, rendered as one line for logs, Events and conditions.

use std::error::Error;

/// Returns the message of an error followed by those of its sources, separated by `: `.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    chain_with(error, |_| None)
}

/// Returns the same as [`chain`], but lets `terminal` replace the message of an error and end the chain
/// there.
///
/// Some libraries repeat in `Display` what their sources say; `terminal` returns `Some` for such an error.
pub fn chain_with(
    error: &(dyn Error + 'static),
    terminal: impl Fn(&(dyn Error + 'static)) -> Option<String>,
) -> String {
    let mut messages = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(last) = terminal(error) {
            messages.push(last);
            break;
        }
        messages.push(error.to_string());
        next = error.source();
    }
    messages.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the file")]
    struct Outer(#[source] std::num::ParseIntError);

    fn outer() -> Outer {
        Outer("x".parse::<u8>().unwrap_err())
    }

    /// Every cause of an error is in the line, outermost first.
    #[test]
    fn all_sources_follow_the_error() {
        assert_eq!(chain(&outer()), "failed to read the file: invalid digit found in string");
    }

    /// A terminal error is rendered by the caller, and its sources are omitted.
    #[test]
    fn a_terminal_error_ends_the_chain() {
        let terminal = |error: &(dyn Error + 'static)| error.is::<Outer>().then(|| "unreadable".to_owned());
        assert_eq!(chain_with(&outer(), terminal), "unreadable");
    }
}
