//! The form of API keys: `smbc_live_`, 30 random letters and digits, and a checksum of 6. Tools that search for leaked secrets
//! recognise the prefix, and a mistyped key is refused without a query.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// Text with which all keys begin.
const PREFIX: &str = "smbc_live_";
/// Number of random letters of a key: 178 bits, which cannot be guessed.
pub const RANDOM_LETTERS: usize = 30;
/// Number of letters of the checksum: 62 to the power of 6 is more than 2 to the power of 32.
const CHECKSUM_LETTERS: usize = 6;
/// Letters of the random part and the checksum, in the order of their values.
const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Length of the beginning of a key that is shown in lists.
const SHOWN_LETTERS: usize = PREFIX.len() + 4;

/// API key whose checksum is right. Its `Debug` form does not contain it.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

/// Text that is not an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read the API key: its form or its checksum is not that of a key")]
pub struct MalformedKey;

impl ApiKey {
    /// Returns whether a bearer token is meant to be an API key.
    #[must_use]
    pub fn is_meant_by(token: &str) -> bool {
        token.starts_with("smbc_")
    }

    /// Builds a new key of random letters and digits.
    ///
    /// # Errors
    /// Returns an error if these are not 30 letters and digits.
    pub fn from_random(letters: &str) -> Result<Self, MalformedKey> {
        let body = format!("{PREFIX}{letters}");
        Self::parse(&format!("{body}{}", checksum(&body)))
    }

    /// Checks the form and the checksum of a key.
    ///
    /// # Errors
    /// Returns an error if the text cannot be a key.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let letters = text.strip_prefix(PREFIX).ok_or(MalformedKey)?;
        let is_complete = letters.len() == RANDOM_LETTERS + CHECKSUM_LETTERS;
        if !is_complete || !letters.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
            return Err(MalformedKey);
        }
        let (body, found) = text.split_at_checked(PREFIX.len() + RANDOM_LETTERS).ok_or(MalformedKey)?;
        if checksum(body) == found { Ok(Self(text.to_owned())) } else { Err(MalformedKey) }
    }

    /// Returns the key, which is shown to its owner once.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.0
    }

    /// Returns the beginning of the key, by which its owner recognises it.
    #[must_use]
    pub fn shown(&self) -> &str {
        self.0.get(..SHOWN_LETTERS).unwrap_or_default()
    }

    /// Returns the SHA-256 of the key, which is stored. The random part is too long to be found by trying, so that a slow digest
    /// would only cost time.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(..)")
    }
}

/// Returns the CRC-32 of a text in base 62, with leading zeros.
fn checksum(text: &str) -> String {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut letters = [b'0'; CHECKSUM_LETTERS];
    for letter in letters.iter_mut().rev() {
        let value = usize::try_from(rest % 62).unwrap_or_default();
        *letter = ALPHABET.get(value).copied().unwrap_or(b'0');
        rest /= 62;
    }
    letters.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RANDOM: &str = "0123456789abcdefghijABCDEFGHIJ";

    /// A key has the documented form, and its digest is that of its whole text.
    #[test]
    fn a_key_has_a_prefix_random_letters_and_a_checksum() {
        let key = ApiKey::from_random(RANDOM).unwrap();
        assert_eq!(key.secret().len(), 46);
        assert!(key.secret().starts_with(&format!("smbc_live_{RANDOM}")));
        assert_eq!(ApiKey::parse(key.secret()), Ok(key.clone()));
        assert_eq!(key.shown(), "smbc_live_0123");
        assert_eq!(key.digest(), <[u8; 32]>::from(Sha256::digest(key.secret())));
        assert!(!format!("{key:?}").contains("0123"));
    }

    /// A key with one wrong letter is refused without a query, and so is any other text.
    #[test]
    fn a_mistyped_key_is_refused() {
        let key = ApiKey::from_random(RANDOM).unwrap();
        for position in 0..key.secret().len() {
            let mut letters: Vec<char> = key.secret().chars().collect();
            letters[position] = if letters[position] == 'x' { 'y' } else { 'x' };
            let mistyped: String = letters.into_iter().collect();
            assert_eq!(ApiKey::parse(&mistyped), Err(MalformedKey), "{mistyped}");
        }
        for text in ["", "smbc_live_", "smbc_test_0", &format!("{}0", key.secret()), &"é".repeat(23)] {
            assert_eq!(ApiKey::parse(text), Err(MalformedKey), "{text}");
        }
        assert!(ApiKey::from_random("short").is_err() && ApiKey::from_random(&"é".repeat(15)).is_err());
    }

    proptest::proptest! {
        /// No text makes the parser panic, and what it accepts it returns unchanged.
        #[test]
        fn any_text_is_a_key_or_refused(text in "(smbc_live_)?[0-9A-Za-zé]{0,40}") {
            if let Ok(key) = ApiKey::parse(&text) {
                proptest::prop_assert_eq!(key.secret(), text);
            }
        }
    }
}
