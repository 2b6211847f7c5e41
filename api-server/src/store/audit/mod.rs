//! The audit log: rows that are only added, and whose order and content a chain of hashes fixes. See
//! `docs/decisions/0032-audit-log.md`.

mod append;
mod canonical;
mod list;
mod open;
#[cfg(test)]
mod tests;
mod verify;

use uuid::Uuid;

pub use append::{Actor, ActorKind, Connection, NewIntent, NewOutcome, Object, Outcome, Writer};
#[cfg(test)]
pub(in crate::store) use list::push_list;
pub use list::{
    AuditEvent, Query, by_ids, by_ids_of_platform, count, count_of_platform, list, list_of_platform,
};
pub use open::{OpenIntent, expired};
pub use verify::{Break, Chain, Head, chains, verify};

/// Chain of what is done on the platform, and by no tenant.
pub const PLATFORM_CHAIN: Uuid = Uuid::nil();
