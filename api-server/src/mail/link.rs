//! The URL of the page on which an invitation is accepted.

use url::Url;

/// Text that the token replaces.
const PLACEHOLDER: &str = "{token}";
/// Maximum length of a template, in bytes: with the token, a line of a mail has at most 998 bytes (RFC 5322).
const MAX_BYTES: usize = 500;

/// URL with a place for a token.
#[derive(Debug)]
pub(super) struct LinkTemplate {
    before: String,
    after: String,
}

impl LinkTemplate {
    /// Parses a URL that has `{token}` once. Returns `None` if it has another scheme than https, or http on localhost.
    pub(super) fn parse(template: &str) -> Option<Self> {
        let (before, after) = template.split_once(PLACEHOLDER)?;
        let is_plain =
            template.len() <= MAX_BYTES && template.chars().all(|letter| letter.is_ascii_graphic());
        if !is_plain || after.contains(PLACEHOLDER) {
            return None;
        }
        let url = Url::parse(&template.replace(PLACEHOLDER, "token")).ok()?;
        let is_local = url.host_str() == Some("localhost");
        let is_accepted = url.scheme() == "https" || (url.scheme() == "http" && is_local);
        is_accepted.then(|| Self { before: before.to_owned(), after: after.to_owned() })
    }

    /// Returns the URL with a token, which has letters, digits and underscores only.
    pub(super) fn with_token(&self, token: &str) -> String {
        format!("{}{token}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link leads to the configured page and has the token.
    #[test]
    fn a_link_has_the_token() {
        let template = LinkTemplate::parse("https://app.example/join?from=mail#token={token}").unwrap();
        assert_eq!(template.with_token("smbi_a1"), "https://app.example/join?from=mail#token=smbi_a1");
        assert!(LinkTemplate::parse("http://localhost:3000/{token}").is_some());
    }

    /// A template that would send the token nowhere, or in clear over the network, is refused when the process starts.
    #[test]
    fn templates_that_are_not_usable_are_refused() {
        let long = format!("https://app.example/{}{{token}}", "a".repeat(MAX_BYTES));
        for template in [
            "",
            "https://app.example/join",
            "https://app.example/{token}/{token}",
            "http://app.example/{token}",
            "javascript:{token}",
            "app.example/{token}",
            "https://app.example/\r\nX: {token}",
            &long,
        ] {
            assert!(LinkTemplate::parse(template).is_none(), "{template}");
        }
    }
}
