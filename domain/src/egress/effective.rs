//! Combination of the egress entries of a plan and a tenant.

use std::collections::BTreeMap;

use crds::plan::{EgressEntry, PlanNetwork};
use ipnet::IpNet;

use super::parse_range;

/// Returns the destinations that the runs of a tenant may reach. These are the entries of the plan if the
/// tenant has none. Otherwise they are the destinations that both allow or, with `tenantsMayExtend` in the
/// plan, that either allows. Invalid entries allow nothing.
#[must_use]
pub fn effective_egress(plan: &PlanNetwork, tenant: &[EgressEntry]) -> Vec<EgressEntry> {
    if tenant.is_empty() {
        return plan.egress.clone();
    }
    if plan.tenants_may_extend == Some(true) {
        let additional = tenant.iter().filter(|entry| !plan.egress.contains(entry));
        return plan.egress.iter().chain(additional).cloned().collect();
    }
    plan.egress
        .iter()
        .flat_map(|allowed| tenant.iter().filter_map(|requested| intersection(allowed, requested)))
        .collect()
}

/// Returns the destinations that both entries allow, or `None` if they have none in common.
fn intersection(allowed: &EgressEntry, requested: &EgressEntry) -> Option<EgressEntry> {
    let ports = common_ports(&allowed.ports, &requested.ports)?;
    if let (Some(a), Some(b)) = (&allowed.cidr, &requested.cidr) {
        let net = narrower(parse_range(a)?, parse_range(b)?)?;
        return Some(EgressEntry { cidr: Some(net.to_string()), ports, ..EgressEntry::default() });
    }
    let namespace =
        allowed.namespace.clone().filter(|namespace| requested.namespace.as_ref() == Some(namespace))?;
    Some(EgressEntry {
        cidr: None,
        namespace: Some(namespace),
        pod_labels: common_labels(&allowed.pod_labels, &requested.pod_labels)?,
        ports,
        hosts: allowed.hosts.iter().filter(|host| requested.hosts.contains(host)).cloned().collect(),
    })
}

/// Returns the smaller of two ranges if one contains the other, else `None`.
fn narrower(a: IpNet, b: IpNet) -> Option<IpNet> {
    if a.contains(&b) {
        Some(b)
    } else if b.contains(&a) {
        Some(a)
    } else {
        None
    }
}

/// Returns the ports that both lists contain, or `None` if they have none in common. An empty list means all
/// ports.
fn common_ports(a: &[u16], b: &[u16]) -> Option<Vec<u16>> {
    if a.is_empty() {
        return Some(b.to_vec());
    }
    if b.is_empty() {
        return Some(a.to_vec());
    }
    let common: Vec<u16> = a.iter().filter(|port| b.contains(port)).copied().collect();
    (!common.is_empty()).then_some(common)
}

/// Returns the labels of pods that both selectors match, or `None` if the selectors contradict each other.
fn common_labels(
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let conflict = a.iter().any(|(name, value)| b.get(name).is_some_and(|other| other != value));
    (!conflict).then(|| a.iter().chain(b).map(|(name, value)| (name.clone(), value.clone())).collect())
}
