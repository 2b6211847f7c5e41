//! Authentication and authorization: who sends a request, for which tenant, and with which permissions.

mod authenticate;
mod claims;
mod conditional_rights;
mod discovery;
mod fetch;
mod issuer;
mod jwks;
mod operations;
mod origin;
mod principal;
pub mod reference;
mod roles;
mod runner;
mod scope;
mod tenant_lookup;
#[cfg(test)]
pub(crate) mod testing;
mod token;

pub use authenticate::{Error, authenticate};
pub use claims::Claims;
pub use conditional_rights::{ConditionalRights, ENFORCED, RightsReleased};
pub use issuer::{Error as IssuersError, Issuer, Issuers};
pub use jwks::Error as KeyError;
pub use operations::{Error as OperationsError, Operations, Rule};
pub use origin::Origin;
pub use principal::{Membership, Principal};
pub use roles::{RoleLookup, apply_roles, grants_of_roles};
pub use runner::{Error as RunnerError, Runner, Runners};
pub use scope::{PlatformScope, TenantScope};
pub use tenant_lookup::{FoundTenant, LookupError, TenantLookup};
pub use token::{Error as TokenError, Verifier};
