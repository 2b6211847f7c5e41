//! Limit of the plan on the outputs in object storage.

use crds::Quantity;
use serde_json::Value;

use crate::{
    app::Error,
    store::{
        TenantTx,
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
    let Some(limit) = limits.as_ref().and_then(storage_bytes) else { return Ok(()) };
    let with_output = outputs::stored_bytes(tx).await?;
    let bytes = u64::try_from(output.bytes).unwrap_or_default();
    let used = with_output.saturating_sub(bytes);
    if with_output <= limit { Ok(()) } else { Err(Error::StorageFull { bytes, used, limit }) }
}

/// Returns the limit `storageBytes` of a plan. The mirror accepts plans that the CustomResourceDefinition has validated, so
/// one that cannot be parsed was written by another version and limits nothing.
fn storage_bytes(limits: &Value) -> Option<u64> {
    let milli = Quantity::new(limits.get("storageBytes")?.as_str()?).to_milli().ok()?;
    u64::try_from(milli / 1000).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The limit is read in bytes, and a plan without it limits nothing.
    #[test]
    fn the_limit_is_read_in_bytes() {
        assert_eq!(storage_bytes(&json!({"storageBytes": "5Gi"})), Some(5 << 30));
        assert_eq!(storage_bytes(&json!({"documents": 7})), None);
    }
}
