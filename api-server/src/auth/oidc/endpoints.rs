//! The endpoints of issuers with a client for logins.

use std::{path::PathBuf, sync::Arc, time::Duration};

use moka::future::Cache;
use reqwest::Client;
use serde::Deserialize;
use url::Url;

use crate::auth::{
    discovery::discovery_url,
    fetch::{self, Error},
    issuer::Issuer,
};

/// Time for which the endpoints of an issuer are cached.
const TTL: Duration = Duration::from_secs(600);

/// What the discovery document of an issuer says about logins.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Endpoints {
    issuer: String,
    pub(super) authorization_endpoint: Url,
    pub(super) token_endpoint: Url,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether every answer names its issuer (RFC 9207).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Client of this server at an issuer.
#[derive(Clone, Debug)]
pub(super) struct Registration {
    pub(super) issuer: Issuer,
    pub(super) client_id: String,
    pub(super) secret_file: Option<PathBuf>,
}

/// Issuers at which people can log in.
pub struct LoginIssuers {
    pub(super) registrations: Vec<Registration>,
    client: Client,
    endpoints: Cache<String, Arc<Endpoints>>,
}

impl LoginIssuers {
    /// Returns those of the issuers that have a client for logins.
    ///
    /// # Errors
    /// Returns an error if the HTTP client cannot be built.
    pub fn new(issuers: &[Issuer]) -> reqwest::Result<Self> {
        let registration = |issuer: &Issuer| {
            let (client_id, secret_file) = (issuer.client_id.clone()?, issuer.client_secret_file.clone());
            Some(Registration { issuer: issuer.clone(), client_id, secret_file })
        };
        Ok(Self {
            registrations: issuers.iter().filter_map(registration).collect(),
            client: fetch::client()?,
            endpoints: Cache::builder().max_capacity(100).time_to_live(TTL).build(),
        })
    }

    /// Returns whether people can log in at no issuer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.registrations.is_empty()
    }

    /// Returns the HTTP client.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the endpoints of an issuer. Concurrent requests wait for one download.
    pub(super) async fn endpoints(&self, registration: &Registration) -> Result<Arc<Endpoints>, Arc<Error>> {
        let issuer = &registration.issuer;
        let download = async {
            let url = discovery_url(issuer);
            let endpoints: Endpoints = fetch::json(&self.client, &url).await?;
            if endpoints.issuer != issuer.issuer {
                return Err(Error::IssuerMismatch { url, found: endpoints.issuer });
            }
            for endpoint in [&endpoints.authorization_endpoint, &endpoints.token_endpoint] {
                // A document that was fetched with TLS does not send secrets without it.
                if url.scheme() == "https" && endpoint.scheme() != "https" {
                    return Err(Error::Insecure { url: endpoint.clone() });
                }
            }
            Ok(Arc::new(endpoints))
        };
        self.endpoints.try_get_with_by_ref(&issuer.issuer, download).await
    }
}

impl Endpoints {
    /// Returns whether the client secret is sent in the body, since the issuer does not accept it in the header, which is the default.
    pub(super) fn wants_secret_in_body(&self) -> bool {
        let methods = self.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let has = |name: &str| methods.iter().any(|method| method == name);
        has("client_secret_post") && !has("client_secret_basic")
    }
}
