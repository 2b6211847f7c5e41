//! TLS beyond the public authorities: whom to trust besides them, and what to show.

use reqwest::{Certificate, ClientBuilder, Identity};
use url::Url;

use crate::{action::http::HttpError, secrets::Secrets};

/// The keys of a Secret of type `kubernetes.io/tls`, and of one with authorities.
const CA: &str = "ca.crt";
const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

/// What a step adds to TLS; usually nothing.
#[derive(Clone, Default)]
pub(in crate::action) struct Tls {
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

impl Tls {
    /// Reads what the named secrets hold.
    pub(super) fn parse(
        ca: Option<&str>,
        client: Option<&str>,
        secrets: &Secrets,
    ) -> Result<Self, HttpError> {
        let authorities = match ca {
            None => Vec::new(),
            Some(name) => Certificate::from_pem_bundle(value(secrets, name, CA)?.as_bytes())
                .map_err(|source| HttpError::Tls { name: name.to_owned(), source })?,
        };
        if let (Some(name), true) = (ca, authorities.is_empty()) {
            return Err(HttpError::NoCertificate { name: name.to_owned() });
        }
        let identity = match client {
            None => None,
            Some(name) => {
                let pem = [value(secrets, name, CERTIFICATE)?, "\n", value(secrets, name, KEY)?].concat();
                let identity = Identity::from_pem(pem.as_bytes());
                Some(identity.map_err(|source| HttpError::Tls { name: name.to_owned(), source })?)
            }
        };
        Ok(Self { authorities, identity })
    }

    pub(super) fn apply(&self, mut client: ClientBuilder, url: &Url) -> ClientBuilder {
        if url.scheme() == "http" {
            // To read the system's authorities takes longer than most requests.
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

    /// Shows nothing any more.
    pub(super) fn withhold(&mut self) {
        self.identity = None;
    }
}

fn value<'a>(secrets: &'a Secrets, name: &str, key: &str) -> Result<&'a str, HttpError> {
    let missing = || HttpError::Secret { name: name.to_owned(), key: key.to_owned() };
    secrets.get(name).and_then(|values| values.get(key)).map(String::as_str).ok_or_else(missing)
}
