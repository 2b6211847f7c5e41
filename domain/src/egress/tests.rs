use std::net::IpAddr;

use crds::plan::{EgressEntry, PlanNetwork};
use ipnet::IpNet;
use proptest::prelude::*;

use super::{Denied, Egress, EgressError, effective_egress};

fn entries(yaml: &str) -> Vec<EgressEntry> {
    serde_yaml::from_str(yaml).expect("the entries are valid YAML")
}

fn cluster() -> Vec<IpNet> {
    ["10.96.0.0/12", "34.0.0.0/16"].iter().map(|net| net.parse().expect("the range is valid")).collect()
}

fn starter() -> Egress {
    let entries = entries(
        "[{cidr: 0.0.0.0/0, ports: [443]}, {cidr: '::/0', ports: [443]},
          {namespace: shop, podLabels: {app: prices}, ports: [8080], hosts: [Prices.shop.svc.cluster.local]}]",
    );
    Egress::parse(&entries, &cluster()).expect("the entries are valid")
}

fn allows(host: &str, addr: &str, port: u16) -> Result<(), Denied> {
    starter().allows(host, addr.parse().expect("the address is valid"), port)
}

/// Private, special and cluster addresses are refused in every notation, also IPv4 within IPv6.
#[test]
fn internal_addresses_are_refused_in_every_notation() {
    for addr in [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "198.18.0.1",
        "10.96.0.1",
        "34.0.1.1",
        "::",
        "::1",
        "fe80::1",
        "fc00::1",
        "fd12::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "::7f00:1",
    ] {
        assert!(allows("example.com", addr, 443).is_err(), "{addr}");
    }
}

/// Public addresses are allowed on the ports of the plan, and refused on other ports.
#[test]
fn public_addresses_are_allowed_on_the_plans_ports() {
    assert_eq!(allows("example.com", "93.184.215.14", 443), Ok(()));
    assert_eq!(allows("example.com", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", 443), Ok(()));
    assert!(matches!(allows("example.com", "93.184.215.14", 80), Err(Denied::NotListed { .. })));
}

/// Pods are reachable only by the names and ports of the plan, whatever the case of the name.
#[test]
fn pods_are_reachable_by_the_names_and_ports_of_the_plan() {
    assert_eq!(allows("prices.shop.svc.cluster.local", "10.96.7.7", 8080), Ok(()));
    assert_eq!(allows("PRICES.shop.svc.cluster.local.", "10.96.7.7", 8080), Ok(()));
    assert!(allows("prices.shop.svc.cluster.local", "10.96.7.7", 5432).is_err());
    assert!(allows("postgres.smb-copilot.svc.cluster.local", "10.96.7.7", 8080).is_err());
    assert!(allows("prices.shop.svc.cluster.local", "169.254.169.254", 8080).is_err());
    assert!(allows("prices.shop.svc.cluster.local", "127.0.0.1", 8080).is_err());
}

/// A refusal names the destination and the reason.
#[test]
fn a_refusal_says_what_to_do() {
    let messages: Vec<String> = [
        ("metadata", "169.254.169.254", 80),
        ("db.local", "10.0.0.5", 5432),
        ("a.example", "93.184.215.14", 25),
    ]
    .iter()
    .map(|(host, addr, port)| allows(host, addr, *port).expect_err("the destination is refused").to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

/// A service whose namespace an entry contains without its name is refused with the field to change.
#[test]
fn a_service_without_its_name_in_hosts_is_refused_with_that_reason() {
    let entries = entries("[{namespace: shop, podLabels: {app: prices}, ports: [8080]}]");
    let egress = Egress::parse(&entries, &cluster()).expect("the entries are valid");
    let refused = |host: &str, port| {
        let addr = "10.96.7.7".parse().expect("the address is valid");
        egress.allows(host, addr, port).expect_err("the destination is refused")
    };
    let refusal = refused("prices.shop.svc.cluster.local", 8080);
    assert!(
        matches!(&refusal, Denied::HostNotListed { namespace, .. } if namespace == "shop"),
        "{refusal:?}"
    );
    assert!(refusal.to_string().contains("hosts: [prices.shop.svc.cluster.local]"), "{refusal}");
    assert!(matches!(refused("prices.shop.svc.cluster.local", 80), Denied::Private { .. }));
    assert!(matches!(refused("prices.other.svc.cluster.local", 8080), Denied::Private { .. }));
}

/// A plan without egress entries allows no destination.
#[test]
fn a_plan_without_egress_allows_nothing() {
    let none = Egress::default();
    assert!(none.allows("example.com", "93.184.215.14".parse().expect("the address is valid"), 443).is_err());
}

/// An invalid entry is refused with an error that contains its index.
#[test]
fn invalid_entries_are_refused() {
    let parse = |yaml: &str| Egress::parse(&entries(yaml), &[]).expect_err("the entries are refused");
    assert_eq!(
        parse("[{cidr: example.com}]"),
        EgressError::Cidr { index: 0, cidr: "example.com".to_owned() }
    );
    assert_eq!(parse("[{cidr: 1.1.1.1}, {ports: [1]}]"), EgressError::Kind { index: 1 });
}

/// The ranges for network policies exclude the same networks as the runner.
#[test]
fn ranges_contain_their_excluded_networks() {
    let entries = entries("[{cidr: 0.0.0.0/0}, {cidr: 10.1.0.0/16}, {cidr: 93.184.0.0/16}]");
    let egress = Egress::parse(&entries, &cluster()).expect("the entries are valid");
    insta::assert_debug_snapshot!(
        egress.ranges().iter().map(|r| format!("{} except {:?}", r.net, r.except)).collect::<Vec<_>>()
    );
}

/// A tenant can only narrow the egress of its plan, unless the plan allows tenants to extend it.
#[test]
fn a_tenant_narrows_its_plan() {
    let plan = PlanNetwork {
        egress: entries(
            "[{cidr: 0.0.0.0/0, ports: [443, 8443]},
              {namespace: shop, podLabels: {app: prices}, ports: [8080], hosts: [a.shop, b.shop]}]",
        ),
        tenants_may_extend: None,
    };
    let tenant = entries(
        "[{cidr: 93.184.0.0/16}, {cidr: 1.1.1.1, ports: [80]}, {namespace: shop, hosts: [b.shop, c.shop]},
          {namespace: other, hosts: [d.other]}]",
    );
    insta::assert_yaml_snapshot!(effective_egress(&plan, &tenant));
    assert_eq!(effective_egress(&plan, &[]), plan.egress);
    let extended = PlanNetwork { tenants_may_extend: Some(true), ..plan };
    assert_eq!(effective_egress(&extended, &tenant).len(), 6);
}

proptest! {
    /// The entries of a tenant never allow a destination that the plan refuses.
    #[test]
    fn narrowing_never_widens(addr in any::<u32>(), bits in 0_u8..33, port in 440_u16..446, tenant_bits in 0_u8..33) {
        let addr = IpAddr::from(addr.to_be_bytes());
        let entry = |bits: u8, ports: Vec<u16>| EgressEntry { cidr: Some(format!("{addr}/{bits}")), ports, ..EgressEntry::default() };
        let plan = PlanNetwork { egress: vec![entry(bits, vec![443])], tenants_may_extend: Some(false) };
        let both = effective_egress(&plan, &[entry(tenant_bits, vec![])]);
        let allowed = Egress::parse(&both, &[]).expect("the entries are valid").allows("h", addr, port).is_ok();
        let by_plan = Egress::parse(&plan.egress, &[]).expect("the entries are valid").allows("h", addr, port).is_ok();
        prop_assert!(by_plan || !allowed);
    }
}
