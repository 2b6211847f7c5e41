//! The location of an issuer's key set: configured, or found by OpenID Connect discovery.

use reqwest::Client;
use serde::Deserialize;
use url::Url;

use super::{
    fetch::{self, Error},
    issuer::Issuer,
};

#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: Url,
}

/// Returns the URL of an issuer's key set.
///
/// # Errors
/// Returns an error if the discovery document cannot be fetched or names another issuer.
pub(super) async fn jwks_url(client: &Client, issuer: &Issuer) -> Result<Url, Error> {
    if let Some(url) = &issuer.jwks_url {
        return Ok(url.clone());
    }
    let url = discovery_url(issuer);
    let document: DiscoveryDocument = fetch::json(client, &url).await?;
    if document.issuer == issuer.issuer {
        Ok(document.jwks_uri)
    } else {
        Err(Error::IssuerMismatch { url, found: document.issuer })
    }
}

/// Returns the URL of an issuer's discovery document.
pub(in crate::auth) fn discovery_url(issuer: &Issuer) -> Url {
    let text = format!("{}/.well-known/openid-configuration", issuer.issuer.trim_end_matches('/'));
    Url::parse(&text).expect("the issuer was parsed as a URL when the configuration was read")
}
