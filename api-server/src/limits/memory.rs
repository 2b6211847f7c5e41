//! Memory that requests take for what tenants send, store and read: one budget for all of it, of which each tenant has a
//! part.

use std::time::Duration;

use uuid::Uuid;

use super::{Exhausted, Permit, Shares};

/// Memory of an object in decoded JSON, for its first member, in bytes: `serde_json` allocates a node with room for eleven.
/// Measured with `{"":0}` repeated, which takes 97 times its text.
const OBJECT_BYTES: usize = 672;
/// Memory of a further value in a list or object of decoded JSON, in bytes. Measured with `[0]` and with objects of 100,000
/// members.
const VALUE_BYTES: usize = 144;
/// Number of copies of its text that a value has beside it: what was received, and what is sent.
const TEXT_COPIES: usize = 3;

/// Memory for requests.
pub struct Memory(Shares<Uuid>);

impl Memory {
    /// Creates a budget of `all` bytes, of which each tenant can hold at most `per_tenant`.
    #[must_use]
    pub fn new(all: usize, per_tenant: usize) -> Self {
        Self(Shares::new(all / 1024, per_tenant / 1024))
    }

    /// Reserves memory for a tenant, and waits for at most `limit` until it is free.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time, or if a tenant can never have as much.
    pub async fn reserve(&self, tenant: &Uuid, bytes: usize, limit: Duration) -> Result<Permit, Exhausted> {
        let kibibytes = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        self.0.acquire_within(tenant, kibibytes, limit).await
    }

    /// Returns the part of a tenant, in bytes.
    #[must_use]
    pub fn per_tenant(&self) -> usize {
        self.0.per_key().saturating_mul(1024)
    }
}

/// Returns the most memory that a JSON text takes once it is decoded, in bytes, including copies of the text. It counts
/// characters, so that the count costs less than decoding. The function `decoded_bytes` of the database does the same.
#[must_use]
pub fn decoded_bytes(text: &[u8]) -> usize {
    let count = |(objects, values): (usize, usize), byte: &u8| match byte {
        b'{' => (objects + 1, values),
        b'[' | b',' => (objects, values + 1),
        _ => (objects, values),
    };
    let (objects, values) = text.iter().fold((0, 0), count);
    TEXT_COPIES * text.len() + OBJECT_BYTES * objects + VALUE_BYTES * values
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    const NOW: Duration = Duration::ZERO;

    /// A tenant that holds its part of the memory leaves the others theirs.
    #[tokio::test]
    async fn no_tenant_can_hold_all_memory() {
        let memory = Memory::new(10 * 1024, 6 * 1024);
        let [acme, globex] = [1, 2].map(Uuid::from_u128);
        let held = memory.reserve(&acme, 5 * 1024 + 1, NOW).await.unwrap();
        assert_eq!(memory.reserve(&acme, 1, NOW).await.unwrap_err(), Exhausted::Key { limit: 6 });
        let _globex = memory.reserve(&globex, 4 * 1024, NOW).await.unwrap();
        assert_eq!(memory.reserve(&globex, 1, NOW).await.unwrap_err(), Exhausted::All);
        drop(held);
        assert!(memory.reserve(&acme, 6 * 1024, NOW).await.is_ok());
        assert_eq!(memory.per_tenant(), 6 * 1024);
    }

    /// The database measures a value as the program does.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_database_measures_the_same(pool: PgPool) {
        for text in [r#"{"":0}"#, r#"[{"a": [1, 2, "{,["]}, {}, []]"#, r#""ü""#, "null"] {
            let measured: i64 = sqlx::query_scalar("select decoded_bytes($1::text::json)")
                .bind(text)
                .fetch_one(&pool)
                .await
                .unwrap();
            assert_eq!(usize::try_from(measured).unwrap(), decoded_bytes(text.as_bytes()), "{text}");
        }
    }
}
