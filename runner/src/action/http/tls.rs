//! TLS settings of a step: additional certificate authorities and a client certificate.

use reqwest::{Certificate, ClientBuilder, Identity};
use url::Url;

use crate::{action::http::errors::HttpError, secrets::Secrets};

/// Keys of a Secret with certificate authorities, and of one of type `kubernetes.io/tls`.
const CA_KEY: &str = "ca.crt";
const CERTIFICATE_KEY: &str = "tls.crt";
const PRIVATE_KEY_KEY: &str = "tls.key";

/// TLS settings; most steps have none.
#[derive(Clone, Default)]
pub(in crate::action) struct Tls {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

impl Tls {
    /// Parses the certificates and the private key in the named secrets.
    ///
    /// # Errors
    /// Returns an error if a key is missing or its content is invalid.
    pub(super) fn parse(
        ca: Option<&str>,
        client: Option<&str>,
        secrets: &Secrets,
    ) -> Result<Self, HttpError> {
        let authorities = match ca {
            None => Vec::new(),
            Some(name) => Certificate::from_pem_bundle(secret_value(secrets, name, CA_KEY)?.as_bytes())
                .map_err(|source| HttpError::Tls { name: name.to_owned(), source })?,
        };
        if let (Some(name), true) = (ca, authorities.is_empty()) {
            return Err(HttpError::NoCertificate { name: name.to_owned() });
        }
        let identity = match client {
            None => None,
            Some(name) => {
                let pem = [
                    secret_value(secrets, name, CERTIFICATE_KEY)?,
                    "\n",
                    secret_value(secrets, name, PRIVATE_KEY_KEY)?,
                ]
                .concat();
                let identity = Identity::from_pem(pem.as_bytes());
                Some(identity.map_err(|source| HttpError::Tls { name: name.to_owned(), source })?)
            }
        };
        Ok(Self { authorities, identity })
    }

    /// Applies the settings to the client for this URL.
    pub(super) fn apply(&self, mut client: ClientBuilder, url: &Url) -> ClientBuilder {
        if url.scheme() == "http" {
            // Reading the system's certificate authorities takes longer than most requests.
            return client.tls_certs_only([]);
        }
        if !self.authorities.is_empty() {
            client = client.tls_certs_merge(self.authorities.iter().cloned());
        }
        match &self.identity {
            Some(identity) => client.identity(identity.clone()),
            None => client,
        }
    }

    /// Removes the client certificate, for a request to another origin.
    pub(super) fn remove_client_certificate(&mut self) {
        self.identity = None;
    }
}

/// Returns the value under a key of a secret.
fn secret_value<'a>(secrets: &'a Secrets, name: &str, key: &str) -> Result<&'a str, HttpError> {
    let missing = || HttpError::Secret { name: name.to_owned(), key: key.to_owned() };
    secrets.get(name).and_then(|values| values.get(key)).map(String::as_str).ok_or_else(missing)
}
