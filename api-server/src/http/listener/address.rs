//! The address of the client that sent a request, also through trusted proxies.

use std::{
    net::{IpAddr, SocketAddr},
    str::FromStr,
    sync::Arc,
};

use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// Address of the client of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

/// Address ranges of the proxies whose `X-Forwarded-For` is trusted.
#[derive(Clone, Debug, Default)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// The list of trusted proxies cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("failed to read {text} as a range of addresses such as 10.0.0.0/8")]
pub struct InvalidRange {
    text: String,
    source: ipnet::AddrParseError,
}

impl TrustedProxies {
    /// Returns whether an address belongs to a trusted proxy.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidRange;

    /// Reads ranges separated by commas; an empty text means none.
    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let ranges = text.split(',').map(str::trim).filter(|range| !range.is_empty());
        let parse =
            |text: &str| text.parse().map_err(|source| InvalidRange { text: text.to_owned(), source });
        ranges.map(parse).collect::<Result<_, _>>().map(Self)
    }
}

/// Returns the address of a client: the last entry of `X-Forwarded-For` that no trusted proxy is, if the connection comes
/// from one. Entries before it are the client's own claim.
pub(super) fn resolve_client_address(
    peer: IpAddr,
    headers: &HeaderMap,
    proxies: &TrustedProxies,
) -> ClientAddress {
    let mut client = peer;
    let values = headers.get_all("x-forwarded-for").into_iter().rev().map(|value| value.to_str());
    let entries = values.flat_map(|value| value.unwrap_or_default().rsplit(',').map(str::trim));
    for entry in entries {
        if !proxies.contains(client) {
            break;
        }
        match parse_entry(entry) {
            Some(address) => client = address.to_canonical(),
            None => break,
        }
    }
    ClientAddress(client)
}

/// Reads an address, which some proxies write with a port or in brackets.
fn parse_entry(entry: &str) -> Option<IpAddr> {
    let with_port = entry.parse::<SocketAddr>().map(|address| address.ip());
    entry.trim_matches(['[', ']']).parse().or(with_port).ok()
}

/// Returns the network that counts as one client: with IPv6, a client has a network of 64 bits.
pub(in crate::http) fn client_network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

/// Returns the address of the client of a request; `None` if the request did not come through a listener.
pub(in crate::http) fn client_address(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get().map(|ClientAddress(address)| *address)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &'static str) -> String {
        let proxies = "10.0.0.0/8, fd00::/8".parse().unwrap();
        let headers =
            HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), HeaderValue::from_static(forwarded))]);
        let ClientAddress(address) = resolve_client_address(peer.parse().unwrap(), &headers, &proxies);
        address.to_string()
    }

    /// A client cannot choose the address that it is known by, with or without proxies.
    #[test]
    fn only_trusted_proxies_name_the_client() {
        assert_eq!(client("203.0.113.7", "198.51.100.1"), "203.0.113.7");
        assert_eq!(client("10.0.0.1", "198.51.100.1, 203.0.113.7"), "203.0.113.7");
        assert_eq!(client("10.0.0.1", "203.0.113.7, 10.0.0.2"), "203.0.113.7");
        assert_eq!(client("fd00::1", "2001:db8::7"), "2001:db8::7");
        assert_eq!(client("10.0.0.1", "203.0.113.7:4711"), "203.0.113.7");
        assert_eq!(client("10.0.0.1", "[2001:db8::7]:4711"), "2001:db8::7");
        assert_eq!(client("10.0.0.1", "nonsense"), "10.0.0.1");
        assert_eq!(client("10.0.0.1", ""), "10.0.0.1");
    }

    /// A misspelt range is an error instead of an untrusted proxy.
    #[test]
    fn a_misspelt_range_is_refused() {
        assert!("10.0.0.0/8,".parse::<TrustedProxies>().is_ok());
        let error = "10.0.0.0/33".parse::<TrustedProxies>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to read 10.0.0.0/33 as a range of addresses such as 10.0.0.0/8"
        );
    }
}
