//! Rights of a principal that depend on the request and on the resource.
//!
//! The scope of a tenant refers to them by a key, so that it stays a small value that is passed to every query. A query
//! finds the rights by the key, as long as the principal of the request holds them. A query that does not find them is refused: it
//! could return what the principal may not see.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use domain::{
    permission::{Permission, Permissions},
    policy::{Certainty, Grants, Request, RightsNow},
};

/// Permissions whose operations check each resource. A policy that allows another permission for some resources only does not allow
/// it at all.
pub const ENFORCED: [Permission; 18] = [
    Permission::WORKFLOW_READ,
    Permission::WORKFLOW_CREATE,
    Permission::WORKFLOW_UPDATE,
    Permission::WORKFLOW_ARCHIVE,
    Permission::WORKFLOW_RUN_READ,
    Permission::WORKFLOW_RUN_CREATE,
    Permission::WORKFLOW_RUN_CANCEL,
    Permission::WORKFLOW_RUN_RERUN,
    Permission::WORKFLOW_RUN_DECIDE,
    Permission::WORKFLOW_RUN_DELETE,
    Permission::WORKFLOW_RUN_LOG_READ,
    Permission::DOCUMENT_READ,
    Permission::DOCUMENT_CONTENT_READ,
    Permission::DOCUMENT_CREATE,
    Permission::DOCUMENT_UPDATE,
    Permission::DOCUMENT_DELETE,
    Permission::DOCUMENT_PROCESS,
    Permission::CHUNK_READ,
];

/// Rights of all requests in progress that have conditions, by their keys.
static IN_USE: LazyLock<Mutex<HashMap<u64, Weak<ConditionalRights>>>> = LazyLock::new(Mutex::default);
static NEXT_KEY: AtomicU64 = AtomicU64::new(0);

/// Key of the rights of a request in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::auth) struct RightsKey(u64);

/// The request whose rights are needed has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to find the rights of the request: it has ended")]
pub struct RightsReleased;

/// Rights of a principal in one request, which depend on the request and on the resource.
#[derive(Debug)]
pub struct ConditionalRights {
    key: RightsKey,
    grants: Grants,
    request: Request,
    now: RightsNow,
}

impl ConditionalRights {
    /// Evaluates the policies of a principal for a request.
    pub(crate) fn new(grants: Grants, request: Request) -> Arc<Self> {
        let now = grants.rights(&request);
        let enforced = Permissions::matching(|permission| ENFORCED.contains(&permission));
        let possible = now.possible.intersection(now.always.union(enforced));
        let key = RightsKey(NEXT_KEY.fetch_add(1, Ordering::Relaxed));
        let rights = Arc::new(Self { key, grants, request, now: RightsNow { possible, ..now } });
        in_use().insert(key.0, Arc::downgrade(&rights));
        rights
    }

    pub(in crate::auth) fn key(&self) -> RightsKey {
        self.key
    }

    /// Returns the policies of the principal.
    #[must_use]
    pub fn grants(&self) -> &Grants {
        &self.grants
    }

    /// Returns the circumstances of the request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Returns the rights before the resource is known.
    #[must_use]
    pub fn now(&self) -> RightsNow {
        self.now
    }

    /// Returns whether each resource has to be checked: a policy with conditions concerns the permission, and does not grant it for all
    /// resources.
    #[must_use]
    pub fn restricts(&self, permission: Permission) -> bool {
        self.grants.is_conditional(permission) && self.now.certainty(permission) != Certainty::Always
    }
}

impl Drop for ConditionalRights {
    fn drop(&mut self) {
        in_use().remove(&self.key.0);
    }
}

impl RightsKey {
    pub(in crate::auth) fn find(self) -> Result<Arc<ConditionalRights>, RightsReleased> {
        in_use().get(&self.0).and_then(Weak::upgrade).ok_or(RightsReleased)
    }
}

fn in_use() -> MutexGuard<'static, HashMap<u64, Weak<ConditionalRights>>> {
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::auth::TenantScope;

    /// A scope finds its rights while the request is in progress, and is of no use after it.
    #[test]
    fn a_restricted_scope_ends_with_its_request() {
        let rights = ConditionalRights::new(Grants::default(), Request::default());
        let scope = TenantScope::restricted_for_tests(Uuid::nil(), &rights);
        assert!(scope.rights().is_ok_and(|found| found.is_some_and(|found| Arc::ptr_eq(&found, &rights))));
        drop(rights);
        assert_eq!(scope.rights().map(drop), Err(RightsReleased));
        assert!(TenantScope::for_tests(Uuid::nil()).rights().is_ok_and(|rights| rights.is_none()));
    }
}
