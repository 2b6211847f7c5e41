//! Names of outputs in object storage, and the URIs that references have.

use std::{fmt, str::FromStr};

use uuid::Uuid;

const SCHEME: &str = "smb-object:///";

/// Which output: it derives from what the output holds, so that storing it twice stores it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Whose it is.
    pub tenant: Uuid,
    /// The uid of the run that stored it.
    pub run: Uuid,
    sha256: String,
}

/// A text that names no output.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("failed to read the name of an output")]
pub struct NoName;

impl Name {
    /// The name of an output; `None` if `sha256` is not 64 lower-case hex digits.
    #[must_use]
    pub fn new(tenant: Uuid, run: Uuid, sha256: &str) -> Option<Self> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let valid = sha256.len() == 64 && sha256.bytes().all(is_digit);
        valid.then(|| Self { tenant, run, sha256: sha256.to_owned() })
    }

    /// The SHA-256 of its bytes, as 64 lower-case hex digits.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// As it stands in a reference. It does not say which storage, so that objects can be moved to another.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("{SCHEME}{self}")
    }

    /// Out of a reference.
    ///
    /// # Errors
    /// It is no reference of ours.
    pub fn of_uri(uri: &str) -> Result<Self, NoName> {
        uri.strip_prefix(SCHEME).ok_or(NoName)?.parse()
    }
}

/// The object's name.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tenant, run, sha256 } = self;
        write!(f, "outputs/{tenant}/{run}/{sha256}")
    }
}

impl FromStr for Name {
    type Err = NoName;

    fn from_str(text: &str) -> Result<Self, NoName> {
        let mut parts = text.split('/');
        let (Some("outputs"), Some(tenant), Some(run), Some(sha256), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoName);
        };
        let (tenant, run) = (tenant.parse().map_err(|_| NoName)?, run.parse().map_err(|_| NoName)?);
        Self::new(tenant, run, sha256).ok_or(NoName)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A crafted reference reads a file that is no output, or one of another tenant.
    #[test]
    fn only_what_we_have_written_is_a_reference() {
        let name = Name::new(Uuid::from_u128(1), Uuid::from_u128(2), &"0a".repeat(32)).unwrap();
        assert_eq!(Name::of_uri(&name.uri()), Ok(name.clone()));
        let uri = name.uri();
        for wrong in [
            uri.replace("smb-object", "file"),
            uri.replace("outputs/", "outputs/../"),
            uri.replace("0a", "0A"),
            format!("{uri}/more"),
            "smb-object:///outputs/x/y/z".to_owned(),
        ] {
            assert_eq!(Name::of_uri(&wrong), Err(NoName), "{wrong}");
        }
    }
}
