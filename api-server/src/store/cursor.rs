//! Cursors: opaque, signed positions in a list, valid for that list only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use sha2::Sha256;
use uuid::Uuid;

use super::Position;

/// Length of the truncated signature in a cursor, in bytes: long enough to prevent forgery, and short enough
/// for short cursors.
const SIGNATURE_BYTES: usize = 16;
const TIME_BYTES: usize = size_of::<i64>();
const ID_BYTES: usize = 16;
const MIN_KEY_LENGTH: usize = 16;

/// Key that signs and verifies cursors. All replicas need the same one.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// A cursor key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorKeyError {
    /// The key is too short to be secret.
    #[error("failed to accept a cursor key of {length} characters: it needs at least {MIN_KEY_LENGTH}")]
    Short {
        /// Length of the key in bytes.
        length: usize,
    },
    /// The signature algorithm does not accept the key.
    #[error("failed to use the cursor key")]
    Unusable(#[from] hmac::digest::InvalidLength),
}

/// The cursor was altered, signed with another key, or issued for another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept the cursor")]
pub struct InvalidCursor;

impl CursorKey {
    /// Creates a key from a secret text.
    ///
    /// # Errors
    /// Returns an error if the text is shorter than 16 bytes.
    pub fn new(secret: &str) -> Result<Self, CursorKeyError> {
        if secret.len() < MIN_KEY_LENGTH {
            return Err(CursorKeyError::Short { length: secret.len() });
        }
        Ok(Self(Hmac::new_from_slice(secret.as_bytes())?))
    }

    /// Returns the signed cursor of a position. `list` identifies the list: tenant, collection, filter and
    /// sort order.
    #[must_use]
    pub fn sign(&self, list: &str, position: Position) -> String {
        let mut cursor = Vec::with_capacity(TIME_BYTES + ID_BYTES + SIGNATURE_BYTES);
        cursor.extend(position.created_at.to_jiff().as_microsecond().to_be_bytes());
        cursor.extend(position.id.into_bytes());
        let signature = self.mac(list, &cursor).finalize().into_bytes();
        cursor.extend(signature.iter().take(SIGNATURE_BYTES));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// Verifies a cursor of this list and returns its position.
    ///
    /// # Errors
    /// Returns an error if the cursor was not issued for this list with this key.
    pub fn verify(&self, list: &str, cursor: &str) -> Result<Position, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (payload, signature) = bytes.split_at_checked(TIME_BYTES + ID_BYTES).ok_or(InvalidCursor)?;
        if signature.len() != SIGNATURE_BYTES {
            return Err(InvalidCursor);
        }
        self.mac(list, payload).verify_truncated_left(signature).map_err(|_| InvalidCursor)?;
        let (time, id) = payload.split_at_checked(TIME_BYTES).ok_or(InvalidCursor)?;
        let micros = i64::from_be_bytes(time.try_into().map_err(|_| InvalidCursor)?);
        Ok(Position {
            created_at: Timestamp::from_microsecond(micros).map_err(|_| InvalidCursor)?.into(),
            id: Uuid::from_slice(id).map_err(|_| InvalidCursor)?,
        })
    }

    /// Computes the signature. The payload has a fixed length, so that no other payload and list give the
    /// same input.
    fn mac(&self, list: &str, payload: &[u8]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        mac.update(payload);
        mac.update(list.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key() -> CursorKey {
        CursorKey::new("a key of the tests").unwrap()
    }

    proptest! {
        /// A cursor contains the exact position at which the previous page ended.
        #[test]
        fn a_verified_cursor_has_the_position_that_was_signed(micros in 0..4_000_000_000_000_000_i64, id: u128) {
            let position = Position {
                created_at: Timestamp::from_microsecond(micros).unwrap().into(),
                id: Uuid::from_u128(id),
            };
            prop_assert_eq!(key().verify("runs", &key().sign("runs", position)), Ok(position));
        }

        /// A cursor that was not signed is refused, whatever its text.
        #[test]
        fn any_text_that_was_not_signed_is_refused(cursor in "[A-Za-z0-9_-]{0,80}|\\PC{0,60}") {
            prop_assert_eq!(key().verify("runs", &cursor), Err(InvalidCursor));
        }

        /// A client cannot read from a position that it was not given.
        #[test]
        fn an_altered_cursor_is_refused(at in 0_usize..53, with in "[A-Za-z0-9_-]") {
            let position = Position { created_at: Timestamp::UNIX_EPOCH.into(), id: Uuid::from_u128(7) };
            let cursor = key().sign("runs", position);
            let mut altered = cursor.clone();
            altered.replace_range(at..=at, &with);
            prop_assume!(altered != cursor);
            prop_assert_eq!(key().verify("runs", &altered), Err(InvalidCursor));
        }
    }

    /// A cursor of another filter or of another tenant is refused.
    #[test]
    fn a_cursor_is_valid_for_its_own_list_only() {
        let position = Position { created_at: Timestamp::UNIX_EPOCH.into(), id: Uuid::from_u128(7) };
        let cursor = key().sign("runs status=FAILED", position);
        assert_eq!(key().verify("runs", &cursor), Err(InvalidCursor));
        let other = CursorKey::new("another key, as long").unwrap();
        assert_eq!(other.verify("runs status=FAILED", &cursor), Err(InvalidCursor));
    }
}
