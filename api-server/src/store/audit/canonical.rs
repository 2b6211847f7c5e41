//! The canonical form of a row, over which its hash is computed. `append_audit_event` in the database does the same.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::db::Timestamp;

/// Version of the form, which is the first field.
const VERSION: &str = "audit-event-1";

/// Row of the audit log. The JSON columns have the text that was stored.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) tenant_id: Uuid,
    pub(super) seq: i64,
    pub(super) id: Uuid,
    pub(super) phase: String,
    pub(super) at: Timestamp,
    pub(super) operation: Option<String>,
    pub(super) action: Option<String>,
    pub(super) actor_kind: Option<String>,
    pub(super) actor_issuer: Option<String>,
    pub(super) actor_subject: Option<String>,
    pub(super) actor_email: Option<String>,
    pub(super) actor_roles: Option<String>,
    pub(super) client_address: Option<String>,
    pub(super) user_agent: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) traceparent: Option<String>,
    pub(super) target: Option<String>,
    pub(super) outcome: Option<String>,
    pub(super) code: Option<String>,
    pub(super) object_kind: Option<String>,
    pub(super) object_id: Option<Uuid>,
    pub(super) object_name: Option<String>,
    pub(super) changes: Option<String>,
    pub(super) hash: Vec<u8>,
}

impl Row {
    /// Computes the hash of the row from its content and the hash of the row before it.
    pub(super) fn compute_hash(&self, previous: &[u8]) -> Vec<u8> {
        let Self {
            tenant_id,
            seq,
            id,
            phase,
            at,
            operation,
            action,
            actor_kind,
            actor_issuer,
            actor_subject,
            actor_email,
            actor_roles,
            client_address,
            user_agent,
            request_id,
            traceparent,
            target,
            outcome,
            code,
            object_kind,
            object_id,
            object_name,
            changes,
            hash: _,
        } = self;
        let micros = at.to_jiff().as_microsecond().to_string();
        let (tenant_id, seq, id) = (tenant_id.to_string(), seq.to_string(), id.to_string());
        let object_id = object_id.map(|id| id.to_string());
        let fields = [
            Some(VERSION),
            Some(&tenant_id),
            Some(&seq),
            Some(&id),
            Some(phase),
            Some(&micros),
            operation.as_deref(),
            action.as_deref(),
            actor_kind.as_deref(),
            actor_issuer.as_deref(),
            actor_subject.as_deref(),
            actor_email.as_deref(),
            actor_roles.as_deref(),
            client_address.as_deref(),
            user_agent.as_deref(),
            request_id.as_deref(),
            traceparent.as_deref(),
            target.as_deref(),
            outcome.as_deref(),
            code.as_deref(),
            object_kind.as_deref(),
            object_id.as_deref(),
            object_name.as_deref(),
            changes.as_deref(),
        ];
        let mut hash = Sha256::new_with_prefix(previous);
        for field in fields {
            add(&mut hash, field);
        }
        hash.finalize().to_vec()
    }
}

/// Adds the length of a field in bytes, as a big-endian 32-bit integer that is -1 for null, and its text.
fn add(hash: &mut Sha256, field: Option<&str>) {
    match field {
        None => hash.update((-1_i32).to_be_bytes()),
        Some(text) => {
            // The columns are shorter: a database cannot store texts of 2 GiB.
            hash.update(i32::try_from(text.len()).unwrap_or(i32::MAX).to_be_bytes());
            hash.update(text);
        }
    }
}
