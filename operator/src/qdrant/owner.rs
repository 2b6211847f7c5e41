//! The ownership mark in the metadata of a collection.

use std::collections::HashMap;

use domain::vectors::Owner;
use qdrant_client::qdrant::{Value, value::Kind};

/// Key of the id of the installation.
const INSTALLATION: &str = "smbcopilot.dev/installation";
/// Key of the UID of the Tenant.
const TENANT_UID: &str = "smbcopilot.dev/tenant-uid";

/// Returns the metadata with the mark of an owner.
pub(super) fn to_metadata(owner: &Owner) -> HashMap<String, Value> {
    let Owner { installation, tenant } = owner;
    let installation = (INSTALLATION.to_owned(), Value::from(installation.clone()));
    let tenant = tenant.clone().map(|uid| (TENANT_UID.to_owned(), Value::from(uid)));
    [Some(installation), tenant].into_iter().flatten().collect()
}

/// Returns the owner that the metadata of a collection names.
pub(super) fn from_metadata(metadata: &HashMap<String, Value>) -> Option<Owner> {
    let text = |key: &str| match metadata.get(key)?.kind.as_ref()? {
        Kind::StringValue(text) => Some(text.clone()),
        _ => None,
    };
    Some(Owner { installation: text(INSTALLATION)?, tenant: text(TENANT_UID) })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A collection names the owner that it was created for, and one without a mark names none.
    #[test]
    fn the_mark_of_a_collection_is_read_as_it_was_written() {
        for tenant in [None, Some("uid-acme".to_owned())] {
            let owner = Owner { installation: "cluster-1".to_owned(), tenant };
            assert_eq!(from_metadata(&to_metadata(&owner)), Some(owner));
        }
        assert_eq!(from_metadata(&HashMap::new()), None);
    }
}
