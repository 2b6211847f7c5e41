//! Names of step outputs in object storage, and the URIs by which run statuses refer to them.

use std::{fmt, str::FromStr};

use uuid::Uuid;

const SCHEME: &str = "smb-object:///";

/// Name of an output, derived from its content, so that the same output is stored only once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputName {
    /// ID of the tenant that owns the output.
    pub tenant: Uuid,
    /// UID of the run that stored the output.
    pub run: Uuid,
    sha256: String,
}

/// A text is not the name of an output.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("failed to read the name of an output")]
pub struct InvalidOutputName;

impl OutputName {
    /// Creates the name of an output; returns `None` if `sha256` is not 64 lower-case hex digits.
    #[must_use]
    pub fn new(tenant: Uuid, run: Uuid, sha256: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let valid = sha256.len() == 64 && sha256.bytes().all(is_digit);
        valid.then(|| Self { tenant, run, sha256: sha256.to_owned() })
    }

    /// Returns the SHA-256 of the content, as 64 lower-case hex digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Returns the URI for references. It does not name the storage, so that objects can be moved to another
    /// one.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{SCHEME}{self}")
    }

    /// Parses the URI of a reference.
    ///
    /// # Errors
    /// Returns an error if the URI is not one that [`Self::uri`] returns.
    pub fn from_uri(uri: &str) -> Result<Self, InvalidOutputName> {
        uri.strip_prefix(SCHEME).ok_or(InvalidOutputName)?.parse()
    }
}

/// Formats the name of the object in storage.
impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, run, sha256 } = self;
        write!(f, "outputs/{tenant}/{run}/{sha256}")
    }
}

impl FromStr for OutputName {
    type Err = InvalidOutputName;

    fn from_str(text: &str) -> Result<Self, InvalidOutputName> {
        let mut parts = text.split('/');
        let (Some("outputs"), Some(tenant), Some(run), Some(sha256), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidOutputName);
        };
        let (tenant, run) =
            (tenant.parse().map_err(|_| InvalidOutputName)?, run.parse().map_err(|_| InvalidOutputName)?);
        Self::new(tenant, run, sha256).ok_or(InvalidOutputName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crafted reference never reads a file that is not an output, or an output of another tenant.
    #[test]
    fn only_uris_of_outputs_are_accepted() {
        let name = OutputName::new(Uuid::from_u128(1), Uuid::from_u128(2), &"0a".repeat(32)).unwrap();
        assert_eq!(OutputName::from_uri(&name.uri()), Ok(name.clone()));
        let uri = name.uri();
        for wrong in [
            uri.replace("smb-object", "file"),
            uri.replace("outputs/", "outputs/../"),
            uri.replace("0a", "0A"),
            format!("{uri}/more"),
            "smb-object:///outputs/x/y/z".to_owned(),
        ] {
            assert_eq!(OutputName::from_uri(&wrong), Err(InvalidOutputName), "{wrong}");
        }
    }
}
