//! Verification of ID tokens (OpenID Connect Core, section 3.1.3.7).

use serde::{Deserialize, de::IgnoredAny};
use subtle::ConstantTimeEq as _;

use super::{endpoints::Registration, flow::Error};
use crate::auth::{claims::Claims, token::Verifier};

/// Claims that only ID tokens have.
#[derive(Deserialize)]
struct IdClaims {
    aud: Audience,
    azp: Option<String>,
    nonce: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    Several(Vec<String>),
    /// One audience, which the verification of the token has compared.
    One(IgnoredAny),
}

/// Verifies an ID token, and returns its claims. They have a subject and a nonce.
pub(super) async fn check_id_token(
    verifier: &Verifier,
    Registration { issuer, client_id, .. }: &Registration,
    token: &str,
    nonce: &str,
) -> Result<Claims, Error> {
    let value = verifier.verify_for(issuer, client_id, token).await?;
    let IdClaims { aud, azp, nonce: found } =
        serde_json::from_value(value.clone()).map_err(|_| Error::IdToken("a claim has a wrong type"))?;
    if !found.is_some_and(|found| bool::from(found.as_bytes().ct_eq(nonce.as_bytes()))) {
        return Err(Error::IdToken("it belongs to another login: its nonce is not that of this one"));
    }
    let is_for_others = match aud {
        Audience::One(_) => false,
        Audience::Several(all) => all.iter().any(|other| other != client_id),
    };
    if azp.map_or(is_for_others, |azp| azp != *client_id) {
        return Err(Error::IdToken("it was issued to another client"));
    }
    let claims = Verifier::claims_for(issuer, value)?;
    if claims.sub.is_none() {
        return Err(Error::IdToken("the claim sub is missing"));
    }
    Ok(claims)
}
