//! Parsing of image references, as strictly as the grammar of the OCI distribution specification.

use std::fmt;

/// Registry of a reference that names none.
const DEFAULT_REGISTRY: &str = "docker.io";
/// Path of an official image, which is the only part of a reference without a path.
const OFFICIAL: &str = "library";
/// Maximum length of a tag, by the distribution specification.
const MAX_TAG: usize = 128;
/// Number of hex digits of a SHA-256.
const DIGEST_DIGITS: usize = 64;

/// Repository that an image reference names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageReference {
    /// Host of the registry, with the port if the reference has one.
    pub registry: String,
    /// Path of the repository in the registry, such as `library/python`.
    pub path: String,
}

/// Text that is not an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "is not a valid image reference: write [registry/]repository[:tag][@sha256:digest], with a registry that has a host name \
     with a dot and no address"
)]
pub struct InvalidImage;

impl ImageReference {
    /// Parses a reference `[registry/]path[:tag][@digest]`. A reference without a registry names Docker Hub, as for all
    /// container runtimes.
    ///
    /// # Errors
    /// Returns an error if the text is not a reference, or if its registry is an address or a host name without a dot.
    pub fn parse(text: &str) -> Result<Self, InvalidImage> {
        let (name, digest) = text.split_once('@').map_or((text, None), |(name, digest)| (name, Some(digest)));
        let (name, tag) = match name.rsplit_once(':') {
            // A colon before the last slash belongs to the port of the registry.
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (name, None),
        };
        let (registry, path) = match name.split_once('/') {
            Some((host, path)) if is_host(host) => (host, path.to_owned()),
            Some(_) => (DEFAULT_REGISTRY, name.to_owned()),
            None => (DEFAULT_REGISTRY, format!("{OFFICIAL}/{name}")),
        };
        let is_valid = is_registry(registry)
            && path.split('/').all(is_component)
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if is_valid { Ok(Self { registry: registry.to_owned(), path }) } else { Err(InvalidImage) }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.path)
    }
}

/// Returns whether container runtimes read the first part of a reference as a host.
fn is_host(part: &str) -> bool {
    part == "localhost" || part.contains(['.', ':']) || part.chars().any(|c| c.is_ascii_uppercase())
}

/// Returns whether a registry is a fully qualified host name with an optional port. The last label of a host name begins with a
/// letter, and that of an address does not.
fn is_registry(text: &str) -> bool {
    let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
    let labels: Vec<&str> = host.split('.').collect();
    let is_label = |label: &&str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    labels.len() > 1
        && labels.iter().all(is_label)
        && labels.last().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_lowercase()))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port))
}

/// Returns whether a part of a path consists of lower-case letters and digits, separated by `.`, `_`, `__` or hyphens.
fn is_component(part: &str) -> bool {
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_separator = |text: &str| {
        matches!(text, "." | "_" | "__") || (!text.is_empty() && text.bytes().all(|b| b == b'-'))
    };
    let mut separators = part.split(is_word).filter(|separator| !separator.is_empty());
    part.starts_with(is_word) && part.ends_with(is_word) && separators.all(is_separator)
}

fn is_tag(tag: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (1..=MAX_TAG).contains(&tag.len())
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || matches!(c, '.' | '-'))
}

fn is_digest(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|digits| {
        digits.len() == DIGEST_DIGITS
            && digits.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}
