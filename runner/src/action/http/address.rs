//! Resolution of host names to permitted addresses.
//!
//! Addresses are checked after the name is resolved, and the request connects to the checked addresses. A name that
//! resolves to another address a moment later therefore cannot bypass the check.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use domain::egress::Egress;
use tokio::{net::lookup_host, time::timeout};
use url::{Host, Url};

use crate::action::http::errors::HttpError;

/// Timeout for resolving a name. The C library waits 5 s for each name server. A name that takes longer than
/// two of them is treated as unknown.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Host with its permitted addresses.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) addresses: Vec<SocketAddr>,
}

/// Rules for the addresses of a request.
pub(super) enum Resolver<'a> {
    /// Destinations that the tenant's plan permits.
    Egress(&'a Egress),
    /// Addresses of a test server, used for every host name.
    #[cfg(test)]
    Test(Vec<SocketAddr>),
}

impl Resolver<'_> {
    /// Returns the permitted addresses of the URL's host.
    ///
    /// # Errors
    /// Returns an error if the host cannot be resolved or none of its addresses is permitted.
    pub(super) async fn resolve(&self, url: &Url) -> Result<Target, HttpError> {
        match self {
            Self::Egress(egress) => resolve(url, egress).await,
            #[cfg(test)]
            Self::Test(addresses) => {
                let host = url.host_str().unwrap_or_default().to_owned();
                Ok(Target { host, addresses: addresses.clone() })
            }
        }
    }
}

/// Resolves the URL's host and returns its permitted addresses.
async fn resolve(url: &Url, egress: &Egress) -> Result<Target, HttpError> {
    let refused = |reason: &str| HttpError::Url { url: url.to_string(), reason: reason.to_owned() };
    let port = url.port_or_known_default().ok_or_else(|| refused("it has no port"))?;
    let host = url.host().ok_or_else(|| refused("it has no host"))?;
    let name = url.host_str().unwrap_or_default().to_owned();
    let found = match host {
        Host::Domain(domain) => look_up(domain, port).await?,
        Host::Ipv4(address) => vec![SocketAddr::new(IpAddr::V4(address), port)],
        Host::Ipv6(address) => vec![SocketAddr::new(IpAddr::V6(address), port)],
    };
    let addresses = allowed(&name, found, egress)?;
    Ok(Target { host: name, addresses })
}

async fn look_up(domain: &str, port: u16) -> Result<Vec<SocketAddr>, HttpError> {
    let host = || domain.to_owned();
    match timeout(RESOLVE_TIMEOUT, lookup_host((domain, port))).await {
        Ok(Ok(found)) => Ok(found.collect()),
        Ok(Err(source)) => Err(HttpError::Resolve { host: host(), source }),
        Err(_) => Err(HttpError::ResolveTimeout { host: host(), seconds: RESOLVE_TIMEOUT.as_secs() }),
    }
}

/// Returns the permitted ones of the addresses. If none is permitted, the error names the first of them.
fn allowed(host: &str, found: Vec<SocketAddr>, egress: &Egress) -> Result<Vec<SocketAddr>, HttpError> {
    let mut denied = None;
    let mut addresses = Vec::new();
    for address in found {
        match egress.allows(host, address.ip(), address.port()) {
            Ok(()) => addresses.push(address),
            Err(source) => drop(denied.get_or_insert(HttpError::Denied { address, source })),
        }
    }
    match denied {
        _ if !addresses.is_empty() => Ok(addresses),
        Some(denied) => Err(denied),
        None => Err(HttpError::NoAddress { host: host.to_owned() }),
    }
}
