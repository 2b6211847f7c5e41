//! Authentication of programs by API keys.

use std::sync::Arc;

use domain::{identity::ApiKey, permission::Permissions};
use subtle::ConstantTimeEq as _;

use super::{
    LookupError,
    key_lookup::{FoundKey, KeyLookup},
    principal::{Membership, Principal, PrincipalUser},
    scope::TenantScope,
    token::Verifier,
};
use crate::limits::RateExceeded;

/// Issuer of the keys, as the audit log records it.
const ISSUER: &str = "api-key";

/// Error of an API key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The key is malformed, unknown, revoked or expired. Nothing says which.
    #[error("failed to accept the API key: it is unknown, revoked or expired")]
    Refused,
    /// The owner of the key is deactivated.
    #[error("failed to accept the API key: its user is deactivated")]
    Deactivated,
    /// The address of the client has sent too many unknown keys.
    #[error("failed to look up the API key")]
    RateExceeded(#[from] RateExceeded),
    /// The lookup failed.
    #[error("failed to look up the API key")]
    Lookup(#[source] LookupError),
}

/// Returns the principal of an API key: its permissions are those that the owner has now and that are within the scopes of the key.
/// `admit` decides whether a key that is not known may be looked up.
///
/// # Errors
/// Returns an error if the key cannot be used, or if the database is unavailable.
pub(super) async fn authenticate_key(
    verifier: &Verifier,
    directory: &impl KeyLookup,
    text: &str,
    admit: impl FnOnce() -> Result<(), RateExceeded>,
) -> Result<Principal, Error> {
    // A mistyped key costs no query, but it counts as an attempt.
    let Ok(key) = ApiKey::parse(text) else {
        admit()?;
        return Err(Error::Refused);
    };
    let digest = key.digest();
    let found = match verifier.keys.get(&digest) {
        Some(found) => found,
        None => {
            // Programs behind a flooded address, such as that of a proxy, keep their access.
            if !verifier.known.contains_key(&digest) {
                admit()?;
            }
            let found = Arc::new(directory.by_digest(digest).await.map_err(Error::Lookup)?);
            verifier.keys.insert(digest, found.clone());
            found
        }
    };
    let now = telemetry::clock::now().as_second();
    let is_right = |found: &&FoundKey| bool::from(found.digest.ct_eq(&digest)) && now < found.expires_at;
    let found = found.as_ref().as_ref().filter(is_right).ok_or(Error::Refused)?;
    if !found.is_active {
        return Err(Error::Deactivated);
    }
    verifier.known.insert(digest, ());
    Ok(principal(found))
}

fn principal(key: &FoundKey) -> Principal {
    let FoundKey {
        id,
        digest: _,
        tenant,
        slug,
        requests_per_minute,
        user,
        owner_name,
        display_name,
        picture_url,
        is_active: _,
        roles,
        scopes,
        expires_at: _,
    } = key;
    let held = Permissions::of_roles(roles);
    // A scope that the permission tree does not have any more grants nothing.
    let scopes = scopes.iter().map(|node| Permissions::of_node(node).unwrap_or_default());
    let scopes = scopes.fold(Permissions::NONE, Permissions::union);
    // Those of the tenant's own roles are added when the request is authorized.
    let permissions = held.intersection(scopes);
    let (display_name, picture_url) = (display_name.clone(), picture_url.clone());
    let user = user.map(|id| Arc::new(PrincipalUser { id, display_name, picture_url }));
    let email = match &user {
        Some(_) => owner_name.clone(),
        // The domain invalid is reserved: nobody receives mail there.
        None => format!("{owner_name}@{slug}.service-account.invalid"),
    };
    Principal {
        email,
        issuer: ISSUER.to_owned(),
        subject: Some(id.to_string()),
        roles: roles.clone(),
        permissions,
        tenant: Some(Membership {
            scope: TenantScope::new(*tenant),
            slug: slug.clone(),
            requests_per_minute: *requests_per_minute,
            rights: None,
        }),
        platform: None,
        mfa: None,
        user,
        api_key: Some(*id),
        scopes: Some(scopes),
        session: None,
        origin: Arc::default(),
    }
}
