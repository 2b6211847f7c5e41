//! Cursors: a position in a list, opaque and signed, and good for the same list only.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp as Instant;
use sha2::Sha256;
use uuid::Uuid;

use super::Position;

/// Of the 32 bytes of the signature; enough, and cursors stay short.
const SIGNATURE: usize = 16;
const TIME: usize = size_of::<i64>();
const ID: usize = 16;
const SHORTEST_KEY: usize = 16;

/// Signs and checks cursors. All replicas have the same.
#[derive(Clone)]
pub struct CursorKey(Hmac<Sha256>);

/// Why a key is no key.
#[derive(Debug, thiserror::Error)]
pub enum CursorKeyError {
    /// Too short to be secret.
    #[error("failed to accept a cursor key of {length} characters: it needs {SHORTEST_KEY}")]
    Short {
        /// How long it is.
        length: usize,
    },
    /// The algorithm refuses it.
    #[error("failed to use the cursor key")]
    Unusable(#[from] hmac::digest::InvalidLength),
}

/// The cursor was altered, made by another key, or for another list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to accept the cursor")]
pub struct InvalidCursor;

impl CursorKey {
    /// A key out of a secret text.
    ///
    /// # Errors
    /// The text is shorter than 16 characters.
    pub fn new(secret: &str) -> Result<Self, CursorKeyError> {
        if secret.len() < SHORTEST_KEY {
            return Err(CursorKeyError::Short { length: secret.len() });
        }
        Ok(Self(Hmac::new_from_slice(secret.as_bytes())?))
    }

    /// The cursor of a position. `list` says which list it is in: tenant, collection, filter and sort.
    #[must_use]
    pub fn seal(&self, list: &str, position: Position) -> String {
        let mut cursor = Vec::with_capacity(TIME + ID + SIGNATURE);
        cursor.extend(position.created_at.0.as_microsecond().to_be_bytes());
        cursor.extend(position.id.into_bytes());
        let signature = self.sign(list, &cursor).finalize().into_bytes();
        cursor.extend(signature.iter().take(SIGNATURE));
        URL_SAFE_NO_PAD.encode(cursor)
    }

    /// The position of a cursor of this list.
    ///
    /// # Errors
    /// The cursor is not one of ours for this list.
    pub fn open(&self, list: &str, cursor: &str) -> Result<Position, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let (payload, signature) = bytes.split_at_checked(TIME + ID).ok_or(InvalidCursor)?;
        if signature.len() != SIGNATURE {
            return Err(InvalidCursor);
        }
        self.sign(list, payload).verify_truncated_left(signature).map_err(|_| InvalidCursor)?;
        let (time, id) = payload.split_at_checked(TIME).ok_or(InvalidCursor)?;
        let micros = i64::from_be_bytes(time.try_into().map_err(|_| InvalidCursor)?);
        Ok(Position {
            created_at: Instant::from_microsecond(micros).map_err(|_| InvalidCursor)?.into(),
            id: Uuid::from_slice(id).map_err(|_| InvalidCursor)?,
        })
    }

    /// The payload has a fixed length, so that payload and list cannot be shifted against each other.
    fn sign(&self, list: &str, payload: &[u8]) -> Hmac<Sha256> {
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
        /// The next page begins elsewhere than the last one ended.
        #[test]
        fn a_cursor_gives_back_its_position(micros in 0..4_000_000_000_000_000_i64, id: u128) {
            let position = Position {
                created_at: Instant::from_microsecond(micros).unwrap().into(),
                id: Uuid::from_u128(id),
            };
            prop_assert_eq!(key().open("runs", &key().seal("runs", position)), Ok(position));
        }

        /// A client that alters a cursor reads from a place that it was not shown.
        #[test]
        fn an_altered_cursor_is_refused(at in 0_usize..53, with in "[A-Za-z0-9_-]") {
            let position = Position { created_at: Instant::UNIX_EPOCH.into(), id: Uuid::from_u128(7) };
            let cursor = key().seal("runs", position);
            let mut altered = cursor.clone();
            altered.replace_range(at..=at, &with);
            prop_assume!(altered != cursor);
            prop_assert_eq!(key().open("runs", &altered), Err(InvalidCursor));
        }
    }

    /// A cursor of one filter (or of another tenant) pages through another list, and skips rows.
    #[test]
    fn a_cursor_is_good_for_its_own_list_only() {
        let position = Position { created_at: Instant::UNIX_EPOCH.into(), id: Uuid::from_u128(7) };
        let cursor = key().seal("runs status=FAILED", position);
        assert_eq!(key().open("runs", &cursor), Err(InvalidCursor));
        let other = CursorKey::new("another key, as long").unwrap();
        assert_eq!(other.open("runs status=FAILED", &cursor), Err(InvalidCursor));
    }
}
