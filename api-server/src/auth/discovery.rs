//! Where an issuer's keys are: by configuration, or by OpenID discovery.

use reqwest::Client;
use serde::Deserialize;
use url::Url;

use super::{
    fetch::{self, Error},
    issuer::Issuer,
};

#[derive(Deserialize)]
struct Document {
    issuer: String,
    jwks_uri: Url,
}

/// The address of an issuer's key set.
///
/// # Errors
/// The discovery document cannot be had, or names another issuer.
pub(super) async fn jwks_url(client: &Client, issuer: &Issuer) -> Result<Url, Error> {
    if let Some(url) = &issuer.jwks_url {
        return Ok(url.clone());
    }
    let url = well_known(issuer)?;
    let document: Document = fetch::json(client, &url).await?;
    if document.issuer == issuer.issuer {
        Ok(document.jwks_uri)
    } else {
        Err(Error::Impostor { url, found: document.issuer })
    }
}

fn well_known(issuer: &Issuer) -> Result<Url, Error> {
    let text = format!("{}/.well-known/openid-configuration", issuer.issuer.trim_end_matches('/'));
    // The issuer was parsed as a URL when the configuration was read, and this only lengthens its path.
    Ok(Url::parse(&text).expect("a URL with a longer path is a URL"))
}
