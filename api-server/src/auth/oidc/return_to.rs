//! Where a browser goes after the login: a path of this server, and never another server.

use serde::{Deserialize, Serialize};
use url::Url;

/// Maximum length of a path, in bytes.
const MAX_BYTES: usize = 1_024;

/// Path with a query, to which a browser can be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReturnTo(String);

/// Text that is not such a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept the path: it must begin with one slash, and name no other server")]
pub struct NotAPath;

impl Default for ReturnTo {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl ReturnTo {
    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ReturnTo {
    type Error = NotAPath;

    fn try_from(text: String) -> Result<Self, NotAPath> {
        // Browsers read a backslash as a slash, and skip control characters.
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let is_path = text.starts_with('/') && !text.starts_with("//") && text.len() <= MAX_BYTES;
        let base = Url::parse("https://this.invalid").map_err(|_| NotAPath)?;
        let is_here = base.join(&text).is_ok_and(|url| url.origin() == base.origin());
        if is_plain && is_path && is_here { Ok(Self(text)) } else { Err(NotAPath) }
    }
}

impl From<ReturnTo> for String {
    fn from(path: ReturnTo) -> Self {
        path.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A login sends the browser to no other server, however the path is written.
    #[test]
    fn only_paths_of_this_server_are_accepted() {
        for path in ["/", "/runs?status=FAILED#top", "/a//b", "/@evil.example", "/%2F%2Fevil.example"] {
            assert!(ReturnTo::try_from(path.to_owned()).is_ok(), "{path}");
        }
        for path in [
            "",
            "runs",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /runs",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "/ünicode",
            &format!("/{}", "a".repeat(1_024)),
        ] {
            assert_eq!(ReturnTo::try_from(path.to_owned()), Err(NotAPath), "{path:?}");
        }
    }
}
