//! Verification of chains: whether each row is as it was written, and none is missing or was added.

use std::fmt;

use sqlx::PgConnection;
use uuid::Uuid;

use super::canonical::Row;
use crate::{db::MirrorPool, store::Error};

/// Number of rows that are read at once.
const PAGE: i64 = 500;

/// Chain of hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Tenant, or [`super::PLATFORM_CHAIN`].
    pub id: Uuid,
    /// Slug of the tenant; `None` for the platform, or if the tenant is not known.
    pub slug: Option<String>,
}

/// End of a verified chain. Whoever has stored it elsewhere can compare it later: the hash of the row at this position must be the
/// same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of rows that were verified.
    pub rows: u64,
    /// Position of the last row.
    pub seq: i64,
    /// Hash of the last row, in hex digits.
    pub hash: String,
}

/// First row that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Break {
    /// The row does not follow from its content and the row before it: it was altered, exchanged or inserted.
    Altered {
        /// Position of the row.
        seq: i64,
    },
    /// The row was removed.
    Missing {
        /// Position of the row.
        seq: i64,
    },
    /// The row is outside of the chain: after its end, or in the part that was deleted after its retention.
    Added {
        /// Position of the row.
        seq: i64,
    },
    /// The recorded end of the chain is not the last row.
    End {
        /// Position of the last row.
        seq: i64,
    },
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Altered { seq } => {
                write!(
                    f,
                    "row {seq} was altered: its hash does not follow from its content and the row before it"
                )
            }
            Self::Missing { seq } => write!(f, "row {seq} was removed"),
            Self::Added { seq } => write!(f, "row {seq} was added: the chain does not have this position"),
            Self::End { seq } => {
                write!(f, "row {seq} is the last one, and the recorded end of the chain has another hash")
            }
        }
    }
}

/// Returns the chain of the tenant with a slug, or all chains in the order of their IDs, also those whose end is not recorded.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn chains(pool: &MirrorPool, slug: Option<&str>) -> Result<Vec<Chain>, Error> {
    sqlx::query_as!(
        Chain,
        // The recursive query finds each tenant by one access to the primary key, and does not read all rows.
        r#"with recursive found as (
             (select tenant_id from audit_events order by tenant_id limit 1)
             union all
             select (select e.tenant_id from audit_events e where e.tenant_id > found.tenant_id order by e.tenant_id limit 1)
             from found where found.tenant_id is not null
           )
           select c.tenant_id as "id!", t.slug as "slug?" from (
             select tenant_id from audit_chains union select tenant_id from found where tenant_id is not null
           ) c left join tenants t on t.id = c.tenant_id
           where $1::text is null or t.slug = $1 order by c.tenant_id"#,
        slug
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::query("find the chains of the audit log"))
}

/// Verifies a chain, of which it reads a part at a time. The database shows one state of it meanwhile.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn verify(pool: &MirrorPool, chain: Uuid) -> Result<Result<Head, Break>, Error> {
    let begin = "begin isolation level repeatable read read only";
    let mut tx = pool.inner().begin_with(begin).await.map_err(Error::Begin)?;
    verify_in(&mut tx, chain).await.map_err(Error::query("verify the audit log"))
}

async fn verify_in(connection: &mut PgConnection, chain: Uuid) -> sqlx::Result<Result<Head, Break>> {
    let ends = sqlx::query!(
        "select last_seq, last_hash, pruned_seq, pruned_hash from audit_chains where tenant_id = $1",
        chain
    )
    .fetch_optional(&mut *connection)
    .await?;
    let (last_seq, last_hash, start) = match ends {
        Some(ends) => (ends.last_seq, ends.last_hash, Check { seq: ends.pruned_seq, hash: ends.pruned_hash }),
        None => (0, Vec::new(), Check { seq: 0, hash: vec![0; 32] }),
    };
    let (first, mut check, mut read) = (start.seq, start, i64::MIN);
    loop {
        let rows = page(connection, chain, read).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            read = row.seq;
            if row.seq > last_seq || row.seq <= first {
                return Ok(Err(Break::Added { seq: row.seq }));
            }
            match check.next(&row) {
                Ok(next) => check = next,
                Err(broken) => return Ok(Err(broken)),
            }
        }
    }
    Ok(if check.seq < last_seq {
        Err(Break::Missing { seq: check.seq + 1 })
    } else if check.hash != last_hash && check.seq > 0 {
        Err(Break::End { seq: check.seq })
    } else {
        let rows = u64::try_from(check.seq - first).unwrap_or_default();
        Ok(Head { rows, seq: check.seq, hash: hex::encode(&check.hash) })
    })
}

/// Position up to which a chain is verified, and the hash there.
#[derive(Clone, Debug)]
struct Check {
    seq: i64,
    hash: Vec<u8>,
}

impl Check {
    /// Verifies the next row.
    fn next(&self, row: &Row) -> Result<Self, Break> {
        let expected = self.seq + 1;
        if row.seq != expected {
            return Err(Break::Missing { seq: expected });
        }
        let hash = row.compute_hash(&self.hash);
        if hash == row.hash { Ok(Self { seq: row.seq, hash }) } else { Err(Break::Altered { seq: row.seq }) }
    }
}

async fn page(connection: &mut PgConnection, chain: Uuid, after: i64) -> sqlx::Result<Vec<Row>> {
    sqlx::query_as!(
        Row,
        "select tenant_id, seq, id, phase, at, operation, action, actor_kind, actor_issuer, actor_subject, actor_email,
           actor_roles::text, client_address, user_agent, request_id, traceparent, target, outcome, code, object_kind,
           object_id, object_name, changes::text, hash
         from audit_events where tenant_id = $1 and seq > $2 order by seq limit $3",
        chain,
        after,
        PAGE
    )
    .fetch_all(connection)
    .await
}
