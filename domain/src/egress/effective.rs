//! A plan's egress and a tenant's together.

use std::collections::BTreeMap;

use crds::plan::{EgressEntry, PlanNetwork};
use ipnet::IpNet;

use super::parse_range;

/// What a tenant's runs may reach: the plan's entries; where the tenant has entries of its own, only what both allow,
/// or, where the plan says `tenantsMayExtend`, what either allows. Entries that cannot be understood allow nothing.
#[must_use]
pub fn effective_egress(plan: &PlanNetwork, tenant: &[EgressEntry]) -> Vec<EgressEntry> {
    if tenant.is_empty() {
        return plan.egress.clone();
    }
    if plan.tenants_may_extend == Some(true) {
        let own = tenant.iter().filter(|entry| !plan.egress.contains(entry));
        return plan.egress.iter().chain(own).cloned().collect();
    }
    plan.egress.iter().flat_map(|allowed| tenant.iter().filter_map(|wanted| both(allowed, wanted))).collect()
}

fn both(allowed: &EgressEntry, wanted: &EgressEntry) -> Option<EgressEntry> {
    let ports = common(&allowed.ports, &wanted.ports)?;
    if let (Some(a), Some(b)) = (&allowed.cidr, &wanted.cidr) {
        let net = narrower(parse_range(a)?, parse_range(b)?)?;
        return Some(EgressEntry { cidr: Some(net.to_string()), ports, ..EgressEntry::default() });
    }
    let namespace =
        allowed.namespace.clone().filter(|namespace| wanted.namespace.as_ref() == Some(namespace))?;
    Some(EgressEntry {
        cidr: None,
        namespace: Some(namespace),
        pod_labels: both_labels(&allowed.pod_labels, &wanted.pod_labels)?,
        ports,
        hosts: allowed.hosts.iter().filter(|host| wanted.hosts.contains(host)).cloned().collect(),
    })
}

fn narrower(a: IpNet, b: IpNet) -> Option<IpNet> {
    if a.contains(&b) {
        Some(b)
    } else if b.contains(&a) {
        Some(a)
    } else {
        None
    }
}

/// Ports in both lists, where an empty list means all ports; none if there is no common one.
fn common(a: &[u16], b: &[u16]) -> Option<Vec<u16>> {
    if a.is_empty() {
        return Some(b.to_vec());
    }
    if b.is_empty() {
        return Some(a.to_vec());
    }
    let common: Vec<u16> = a.iter().filter(|port| b.contains(port)).copied().collect();
    (!common.is_empty()).then_some(common)
}

/// Labels that a pod must have to be meant by both; none if no pod can be.
fn both_labels(
    a: &BTreeMap<String, String>,
    b: &BTreeMap<String, String>,
) -> Option<BTreeMap<String, String>> {
    let conflict = a.iter().any(|(name, value)| b.get(name).is_some_and(|other| other != value));
    (!conflict).then(|| a.iter().chain(b).map(|(name, value)| (name.clone(), value.clone())).collect())
}
