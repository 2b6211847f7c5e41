//! Who asks, for which tenant, and what they may do.

mod authenticate;
mod claims;
mod discovery;
mod fetch;
mod issuer;
mod jwks;
mod operations;
mod principal;
mod runner;
mod scope;
#[cfg(test)]
pub(crate) mod testing;
mod token;

pub use authenticate::{Error, authenticate};
pub use claims::Claims;
pub use issuer::{Error as IssuersError, Issuer, Issuers};
pub use jwks::Error as KeyError;
pub use operations::{Error as OperationsError, Operations, Rule};
pub use principal::{Membership, Principal};
pub use runner::{Error as RunnerError, Runner, Runners};
pub use scope::{PlatformScope, TenantScope};
pub use token::{Error as TokenError, Verifier};
