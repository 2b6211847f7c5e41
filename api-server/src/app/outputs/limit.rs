//! Limit of the plan on the outputs in object storage.

use crate::{
    app::{Error, plans::limit_bytes},
    store::{
        TenantTx,
        documents::usage,
        outputs::{self, Output},
        plans,
    },
};

/// Checks that the plan of the tenant allows an output that was just registered. Until the transaction ends, no other
/// output of the tenant can be registered; the caller rolls it back if there is an error.
///
/// # Errors
/// Returns an error if the output does not fit, or if the database fails.
pub(super) async fn check(tx: &mut TenantTx, output: &Output<'_>) -> Result<(), Error> {
    let limits = plans::limits_of_tenant(tx).await?;
    let Some(limit) = limits.and_then(|limits| limit_bytes(&limits, "storageBytes")) else { return Ok(()) };
    let documents = u64::try_from(usage::read(tx).await?.bytes).unwrap_or_default();
    let with_output = outputs::stored_bytes(tx).await?.saturating_add(documents);
    let bytes = u64::try_from(output.bytes).unwrap_or_default();
    let used = with_output.saturating_sub(bytes);
    if with_output <= limit { Ok(()) } else { Err(Error::StorageFull { bytes, used, limit }) }
}
