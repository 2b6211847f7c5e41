//! Memory that requests take for what tenants send, store and read: one budget for all of it, of which each tenant has a
//! part.

use std::time::Duration;

use uuid::Uuid;

use super::{Exhausted, Permit, Shares};

/// Number of copies of its text that a value has beside it: what was received, and what is sent.
const TEXT_COPIES: usize = 3;
/// Maximum memory of a small request, in bytes: that of a workflow of some KiB of text, which it reads, and more than that of
/// most bodies.
const SMALL_BYTES: usize = 1 << 20;
/// Maximum size of the text of a small body, in bytes. Bodies hold it while they wait for the memory of their values: all
/// requests that a tenant can have in progress together leave half of its small part to others.
const SMALL_TEXT_BYTES: usize = 64 << 10;

/// Memory for requests. Small ones have a part of their own, so that they do not wait behind a large one of their tenant.
pub struct Memory {
    large: Shares<Uuid>,
    small: Shares<Uuid>,
}

/// Memory of one kind of requests, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct MemoryLimit {
    /// Memory of all tenants.
    pub all: usize,
    /// Memory of one tenant.
    pub per_tenant: usize,
}

impl Memory {
    /// Creates a budget for large requests, and one for small ones.
    #[must_use]
    pub fn new(large: MemoryLimit, small: MemoryLimit) -> Self {
        let shares = |MemoryLimit { all, per_tenant }| Shares::new(all / 1024, per_tenant / 1024);
        Self { large: shares(large), small: shares(small) }
    }

    /// Reserves memory for a tenant, and waits for at most `limit` until it is free.
    ///
    /// # Errors
    /// Returns an error if the memory is not free in time, or if a tenant can never have as much.
    pub async fn reserve(&self, tenant: &Uuid, bytes: usize, limit: Duration) -> Result<Permit, Exhausted> {
        let part = if bytes <= SMALL_BYTES { &self.small } else { &self.large };
        part.acquire_within(tenant, kibibytes(bytes), limit).await
    }

    /// Reserves memory for the text of a body like [`Self::reserve`].
    ///
    /// # Errors
    /// Returns an error as [`Self::reserve`] does.
    pub async fn reserve_text(
        &self,
        tenant: &Uuid,
        bytes: usize,
        limit: Duration,
    ) -> Result<Permit, Exhausted> {
        let part = if bytes <= SMALL_TEXT_BYTES { &self.small } else { &self.large };
        part.acquire_within(tenant, kibibytes(bytes), limit).await
    }

    /// Returns the most memory that a request can reserve at once, in bytes.
    #[must_use]
    pub fn per_tenant(&self) -> usize {
        self.large.per_key().saturating_mul(1024)
    }

    /// Returns the memory that a tenant can still reserve, in bytes.
    #[cfg(test)]
    pub(crate) fn available(&self, tenant: &Uuid) -> usize {
        (self.large.available(tenant) + self.small.available(tenant)) * 1024
    }
}

fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX)
}

/// Returns the most memory that a JSON text takes once it is decoded, in bytes, including copies of the text. The function
/// `decoded_bytes` of the database returns at least as much for what it stores.
#[must_use]
pub fn json_memory(text: &[u8]) -> usize {
    TEXT_COPIES * text.len() + k8s_client::decoded_bytes(text)
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const MIB: usize = 1 << 20;

    fn memory() -> Memory {
        let limit = |all, per_tenant| MemoryLimit { all: all * MIB, per_tenant: per_tenant * MIB };
        Memory::new(limit(10, 6), limit(3, 2))
    }

    /// A tenant that holds its part of the memory leaves the others theirs.
    #[tokio::test]
    async fn no_tenant_can_hold_all_memory() {
        let memory = memory();
        let [acme, globex] = [1, 2].map(Uuid::from_u128);
        let held = memory.reserve(&acme, 5 * MIB, NOW).await.unwrap();
        assert_eq!(
            memory.reserve(&acme, 2 * MIB, NOW).await.unwrap_err(),
            Exhausted::Key { limit: 6 * 1024 }
        );
        let _globex = memory.reserve(&globex, 4 * MIB, NOW).await.unwrap();
        assert_eq!(memory.reserve(&globex, 2 * MIB, NOW).await.unwrap_err(), Exhausted::All);
        drop(held);
        assert!(memory.reserve(&acme, 6 * MIB, NOW).await.is_ok());
        assert_eq!(memory.per_tenant(), 6 * MIB);
    }

    /// A small request of a tenant does not wait behind a large one that waits, nor behind the texts of large bodies.
    #[tokio::test]
    async fn a_small_request_does_not_wait_behind_a_large_one() {
        let memory = memory();
        let acme = Uuid::from_u128(1);
        let held = memory.reserve(&acme, 6 * MIB, NOW).await.unwrap();
        let ample = Duration::from_secs(60);
        let mut large = std::pin::pin!(memory.reserve(&acme, 5 * MIB, ample));
        let mut text = std::pin::pin!(memory.reserve_text(&acme, MIB, ample));
        assert!(futures::poll!(&mut large).is_pending() && futures::poll!(&mut text).is_pending());
        let small = memory.reserve(&acme, MIB, NOW).await.unwrap();
        let _text = memory.reserve_text(&acme, 64 << 10, NOW).await.unwrap();
        drop((held, small));
        assert!(large.await.is_ok() && text.await.is_ok());
    }

    /// The database never measures less than the program: its text has no structure that could be read there.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn the_database_measures_at_least_as_much(pool: PgPool) {
        let object = |members: usize, value: &str| {
            let members: Vec<_> = (0..members).map(|key| format!("\"{key}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        };
        let list = |element: &str| format!("[{}]", vec![element; 1_000].join(","));
        let elements =
            ["0", "[]", "[0]", "{}", r#"{"":0}"#, r#""a""#, r#"["a"]"#, r#"{"a":"b"}"#, r#""\"\\{[,""#];
        let sizes = [1, 11, 12, 16, 17, 100];
        let objects = sizes.into_iter().flat_map(|size| elements.map(|value| object(size, value)));
        let texts = elements.map(str::to_owned).into_iter().chain(elements.map(list)).chain(objects);
        for text in texts.chain([format!("\"{}\"", "ü".repeat(10_000)), "null".to_owned()]) {
            let measured: i64 = sqlx::query_scalar("select decoded_bytes($1::text::json)")
                .bind(&text)
                .fetch_one(&pool)
                .await
                .unwrap();
            let (measured, needed) = (usize::try_from(measured).unwrap(), json_memory(text.as_bytes()));
            assert!(measured >= needed, "{measured} of {needed}: {text}");
        }
    }
}
