//! Addresses that are not the public internet (IANA's special-purpose registries, RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::IpNet;

/// Never reached, whatever a plan says.
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

/// Reached only by name.
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

fn parse(table: &'static [(&'static str, &'static str)]) -> Vec<(IpNet, &'static str)> {
    table.iter().map(|(net, kind)| (net.parse().expect("the table holds ranges"), *kind)).collect()
}

/// The IPv4 address that an IPv6 address carries: mapped, compatible, NAT64 or 6to4. A packet to it would go there.
pub(super) fn embedded(addr: IpAddr) -> IpAddr {
    match addr {
        IpAddr::V4(_) => addr,
        IpAddr::V6(v6) => embedded_v4(v6).map_or(addr, IpAddr::V4),
    }
}

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

/// The kind of an address that is never reached.
pub(super) fn forbidden(addr: IpAddr) -> Option<&'static str> {
    kind(&FORBIDDEN, addr)
}

/// The kind of an address that is reached only by name.
pub(super) fn private(addr: IpAddr, cluster: &[IpNet]) -> Option<&'static str> {
    if cluster.iter().any(|net| net.contains(&addr)) {
        return Some("cluster");
    }
    kind(&PRIVATE, addr)
}

fn kind(table: &[(IpNet, &'static str)], addr: IpAddr) -> Option<&'static str> {
    table.iter().find(|(net, _)| net.contains(&addr)).map(|(_, kind)| *kind)
}

/// The special ranges within a range; the range itself where it lies within a special one.
pub(super) fn within(net: &IpNet, cluster: &[IpNet]) -> Vec<IpNet> {
    let all = || FORBIDDEN.iter().chain(PRIVATE.iter()).map(|(special, _)| special).chain(cluster);
    if all().any(|special| special.contains(net)) {
        return vec![*net];
    }
    let inside = all().filter(|special| net.contains(*special)).copied().collect();
    IpNet::aggregate(&inside)
}
