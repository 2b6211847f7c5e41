//! Limits of the plan on documents.

use crds::{Quantity, plan::PlanLimits};
use serde::Deserialize as _;

use super::MAX_DOCUMENT_BYTES;
use crate::{
    app::Error,
    store::{TenantTx, documents::usage, outputs, plans},
};

/// Limits on the documents of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Maximum number of documents; `None` if it is unlimited.
    pub(super) documents: Option<i64>,
    /// Maximum size of a content, in bytes.
    pub(super) document_bytes: u64,
    /// Maximum size of all contents and outputs, in bytes; `None` if it is unlimited.
    pub(super) storage_bytes: Option<u64>,
}

/// Returns the limits of the plan of the tenant.
///
/// # Errors
/// Returns an error if the database fails.
pub(super) async fn read(tx: &mut TenantTx) -> Result<Limits, Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let limits = limits.and_then(|limits| PlanLimits::deserialize(limits).ok()).unwrap_or_default();
    let document_bytes = limits.document_bytes.as_ref().and_then(bytes).unwrap_or(MAX_DOCUMENT_BYTES);
    Ok(Limits {
        documents: limits.documents.map(i64::from),
        document_bytes: document_bytes.min(MAX_DOCUMENT_BYTES),
        storage_bytes: limits.storage_bytes.as_ref().and_then(bytes),
    })
}

/// Checks that the plan allows the document that was just inserted. Until the transaction ends, no other document of the tenant can be
/// inserted; the caller rolls it back if there is an error.
///
/// # Errors
/// Returns an error if the tenant has more documents than its plan allows, or if the database fails.
pub(super) async fn check_number(tx: &mut TenantTx) -> Result<(), Error> {
    let Some(limit) = read(tx).await?.documents else { return Ok(()) };
    let used = usage::read(tx).await?.documents;
    if used <= limit { Ok(()) } else { Err(Error::DocumentLimit { used: used.saturating_sub(1), limit }) }
}

/// Checks that the plan allows the content of some bytes that was just registered, as [`check_number`] does.
///
/// # Errors
/// Returns an error if the contents and outputs of the tenant are larger than its plan allows, or if the database fails.
pub(super) async fn check_storage(tx: &mut TenantTx, limits: Limits, bytes: u64) -> Result<(), Error> {
    let Some(limit) = limits.storage_bytes else { return Ok(()) };
    let contents = u64::try_from(usage::read(tx).await?.bytes).unwrap_or_default();
    let with_content = contents.saturating_add(outputs::stored_bytes(tx).await?);
    let used = with_content.saturating_sub(bytes);
    if with_content <= limit { Ok(()) } else { Err(Error::DocumentStorageFull { bytes, used, limit }) }
}

fn bytes(quantity: &Quantity) -> Option<u64> {
    u64::try_from(quantity.to_milli().ok()? / 1_000).ok()
}
