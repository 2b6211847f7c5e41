//! User id of a tenant's steps. Pure.
//!
//! The kernel counts several resources by user on the whole node, such as inotify instances, pending signals and message
//! queues. With an id of its own, a tenant can exhaust only its own share of them.

use std::collections::BTreeSet;

use crds::{Tenant, constants::HOST_UID, names};
use kube::ResourceExt as _;

/// Lowest user id of tenants. It is far above those of users in images and on nodes.
const FIRST: u32 = 1_000_000_000;
/// Number of user ids of tenants. The highest is below 2^31, the limit of Kubernetes.
const COUNT: u32 = 1_000_000_000;

/// Returns the user id of the steps of a tenant. Without a tenant, whose namespace is about to be deleted, no step runs.
pub(crate) fn for_tenant(tenant: Option<&Tenant>) -> u32 {
    tenant.map_or(HOST_UID, |tenant| choose(tenant, &BTreeSet::new()))
}

/// Returns the user id of a tenant: the one in its status, or else one that no other tenant has.
///
/// It is derived from the tenant's UID, so that it is the same if the status is lost. Two operators that set up two tenants
/// at the same moment cannot see each other's choice; the chance that it is the same is one in a billion.
pub(crate) fn choose(tenant: &Tenant, taken: &BTreeSet<u32>) -> u32 {
    let saved = tenant.status.as_ref().and_then(|status| status.run_as_user);
    saved.unwrap_or_else(|| allocate(&tenant.uid().unwrap_or_default(), taken))
}

/// Returns the first free user id from the one that the UID determines.
fn allocate(uid: &str, taken: &BTreeSet<u32>) -> u32 {
    let hash = u32::from_str_radix(&names::digest(&["user", uid], 8), 16).unwrap_or_default();
    let from = hash % COUNT;
    let mut candidates = (from..COUNT).chain(0..from).map(|offset| FIRST + offset);
    candidates.find(|user| !taken.contains(user)).unwrap_or(FIRST + from)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tenant has the same user id at all times, and no other tenant has it.
    #[test]
    fn a_user_id_is_stable_and_unique() {
        let tenant = |uid: &str, user: Option<u32>| {
            let mut tenant = Tenant::new("acme", Default::default());
            tenant.metadata.uid = Some(uid.to_owned());
            tenant.status = Some(crds::TenantStatus { run_as_user: user, ..Default::default() });
            tenant
        };
        let none = BTreeSet::new();
        let first = choose(&tenant("uid-a", None), &none);
        assert_eq!(first, choose(&tenant("uid-a", None), &none));
        assert!((FIRST..FIRST + COUNT).contains(&first));
        assert_ne!(first, choose(&tenant("uid-b", None), &none));
        assert_eq!(choose(&tenant("uid-a", None), &BTreeSet::from([first])), first + 1);
        assert_eq!(choose(&tenant("uid-a", Some(7)), &BTreeSet::from([7])), 7);
    }
}
