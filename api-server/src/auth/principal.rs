//! The one who asks, as the rest of the program sees them.

use domain::permission::{Permission, Permissions};

use super::scope::{PlatformScope, TenantScope};

/// Who asks: the bearer of a verified token.
#[derive(Clone, Debug)]
pub struct Principal {
    /// The bearer's e-mail address, in lower case.
    pub email: String,
    /// The names of the bearer's roles, as the token has them.
    pub roles: Vec<String>,
    /// What those roles permit.
    pub permissions: Permissions,
    /// The bearer's tenant; people of the platform may have none.
    pub tenant: Option<Membership>,
    /// The right to see every tenant, for people of the platform.
    pub platform: Option<PlatformScope>,
}

impl Principal {
    /// The names of what the principal may do, in alphabetical order.
    #[must_use]
    pub fn permission_names(&self) -> Vec<&'static str> {
        let mut names: Vec<_> = self.permissions.iter().map(Permission::name).collect();
        names.sort_unstable();
        names
    }
}

/// The tenant that a principal belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The right to the tenant's rows.
    pub scope: TenantScope,
    /// The tenant's name in Kubernetes and in tokens.
    pub slug: String,
}
