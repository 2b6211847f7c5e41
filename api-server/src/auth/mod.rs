//! Authentication and authorization: who sends a request, for which tenant, and with which permissions.

mod api_key;
#[cfg(test)]
mod attacks;
mod authenticate;
mod claims;
mod conditional_rights;
mod discovery;
mod fetch;
mod identify;
mod issuer;
mod jwks;
mod key_lookup;
mod login;
mod oidc;
mod operations;
mod origin;
mod principal;
pub mod reference;
mod roles;
mod runner;
mod scope;
mod session;
mod tenant_lookup;
#[cfg(test)]
pub(crate) mod testing;
mod token;
mod token_claims;
mod user_lookup;

pub use api_key::Error as ApiKeyError;
pub use authenticate::{Error, authenticate};
pub use claims::Claims;
pub use conditional_rights::{ConditionalRights, ENFORCED, RightsReleased};
pub use identify::Error as IdentityError;
pub use issuer::{Error as IssuersError, Issuer, Issuers, JustInTime};
pub use jwks::Error as KeyError;
pub use key_lookup::{FoundKey, KeyLookup};
pub use login::{Admission, Login};
pub use oidc::{
    Callback as LoginCallback, Error as LoginError, LoginAttempt, LoginClient, LoginIssuers,
    MAX_SECONDS as MAX_LOGIN_SECONDS, ReturnTo,
};
pub use operations::{Error as OperationsError, Operations, Rule};
pub use origin::Origin;
pub use principal::{Membership, Principal, PrincipalUser};
pub use roles::{RoleLookup, apply_roles, grants_of_roles};
pub use runner::{Error as RunnerError, Runner, Runners};
pub use scope::{PlatformScope, TenantScope};
pub use session::{
    Error as SessionError, FoundSession, MAX_SECONDS as MAX_SESSION_SECONDS, Session, SessionLookup,
    SessionToken, authenticate_session, identify_claims,
};
pub use tenant_lookup::{FoundTenant, LookupError, TenantLookup};
pub use token::{Error as TokenError, Verifier};
pub use token_claims::TokenClaims;
pub use user_lookup::{FoundInvitation, FoundLogin, FoundUser, Identity, UserLookup};
