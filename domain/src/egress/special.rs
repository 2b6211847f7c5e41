//! Special-purpose address ranges, which are not part of the public internet (IANA's special-purpose address
//! registries, RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

/// Ranges that are never allowed, regardless of the plan.
static FORBIDDEN: LazyLock<Vec<(IpNet, &str)>> = LazyLock::new(|| {
    parse(&[
        ("0.0.0.0/8", "unspecified"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fe80::/10", "link-local"),
        ("ff00::/8", "multicast"),
    ])
});

/// Ranges that are never allowed by an entry with a range, but only by an entry that names the host.
static PRIVATE: LazyLock<Vec<(IpNet, &str)>> = LazyLock::new(|| {
    parse(&[
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared (carrier-grade NAT)"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved"),
        ("192.0.2.0/24", "reserved"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "reserved"),
        ("198.51.100.0/24", "reserved"),
        ("203.0.113.0/24", "reserved"),
        ("240.0.0.0/4", "reserved"),
        ("64:ff9b:1::/48", "private"),
        ("100::/64", "reserved"),
        ("2001::/23", "reserved"),
        ("2001:db8::/32", "reserved"),
        ("fc00::/7", "private"),
        ("fec0::/10", "private"),
    ])
});

/// Parses a table of ranges and their kinds.
fn parse(table: &'static [(&'static str, &'static str)]) -> Vec<(IpNet, &'static str)> {
    table
        .iter()
        .map(|(net, kind)| (net.parse().expect("the table contains only valid ranges"), *kind))
        .collect()
}

/// Returns the IPv4 address that is embedded in an IPv6 address (mapped, compatible, NAT64 or 6to4), since
/// packets to the IPv6 address reach it. Returns any other address unchanged.
pub(super) fn embedded(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(_) => addr,
        IpAddr::V6(v6) => embedded_v4(v6).map_or(addr, IpAddr::V4),
    }
}

/// Returns the IPv4 address that is embedded in an IPv6 address, if any.
fn embedded_v4(addr: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = addr.segments();
    let (high, low) = match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => (g, h),
        [0, 0, 0, 0, 0, 0] if g != 0 => (g, h),
        [0x2002, ..] => (b, c),
        _ => return None,
    };
    let ([p, q], [r, s]) = (high.to_be_bytes(), low.to_be_bytes());
    Some(Ipv4Addr::new(p, q, r, s))
}

/// Returns the kind of an address that is never allowed, or `None` for other addresses.
pub(super) fn forbidden(addr: IpAddr) -> Option<&'static str> {
    kind(&FORBIDDEN, addr)
}

/// Returns the kind of an address that is allowed only if an entry names the host, or `None` for
/// other addresses. `cluster` contains the ranges of the cluster.
pub(super) fn private(addr: IpAddr, cluster: &[IpNet]) -> Option<&'static str> {
    if cluster.iter().any(|net| net.contains(&addr)) {
        return Some("cluster");
    }
    kind(&PRIVATE, addr)
}

/// Returns the kind of the range in a table that contains the address, if any.
fn kind(table: &[(IpNet, &'static str)], addr: IpAddr) -> Option<&'static str> {
    table.iter().find(|(net, _)| net.contains(&addr)).map(|(_, kind)| *kind)
}

/// Returns the special ranges within a range, or the range itself if it lies within a special range.
pub(super) fn within(net: &IpNet, cluster: &[IpNet]) -> Vec<IpNet> {
    let special_ranges = || FORBIDDEN.iter().chain(PRIVATE.iter()).map(|(special, _)| special).chain(cluster);
    if special_ranges().any(|special| special.contains(net)) {
        return vec![*net];
    }
    let inside = special_ranges().filter(|special| net.contains(*special)).copied().collect();
    IpNet::aggregate(&inside)
}
