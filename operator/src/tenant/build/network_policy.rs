//! Network policies of a tenant's namespace. One denies all traffic; the others allow what runs need.

use std::collections::BTreeMap;

use crds::{labels, names};
use domain::egress::{AddressRange, PodDestination};
use ipnet::IpNet;
use k8s_openapi::{
    api::networking::v1::{
        IPBlock, NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyPeer, NetworkPolicyPort,
        NetworkPolicySpec,
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Validated, child_metadata};
use crate::config::Config;

const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";
/// The api-server's REST port, and the internal port for runners.
const API_SERVER_PORTS: [i32; 2] = [8080, 8081];
/// Labels of the cluster DNS: as set by kubeadm and most distributions, and by the CoreDNS chart.
const DNS_PODS: [(&str, &str); 2] = [("k8s-app", "kube-dns"), (labels::APP_NAME, "coredns")];

/// Returns all network policies of the namespace.
pub(super) fn build(tenant: &Validated, config: &Config) -> Vec<NetworkPolicy> {
    vec![
        policy(tenant, names::POLICY_DEFAULT_DENY, &["Ingress", "Egress"], None),
        policy(tenant, names::POLICY_DNS, &["Egress"], Some(vec![dns()])),
        policy(tenant, names::POLICY_KUBERNETES_API, &["Egress"], Some(kubernetes_api(tenant))),
        policy(tenant, names::POLICY_API_SERVER, &["Egress"], Some(vec![api_server(config)])),
        policy(tenant, names::POLICY_PLAN_EGRESS, &["Egress"], Some(plan_egress(tenant))),
    ]
}

fn dns() -> NetworkPolicyEgressRule {
    let peers = DNS_PODS.map(|(label, value)| {
        pods_in_namespace("kube-system", [(label.to_owned(), value.to_owned())].into())
    });
    rule(peers.into(), vec![port("UDP", 53), port("TCP", 53)])
}

/// Returns the rule for the Kubernetes API, or none if its address is not known: an empty list of peers would allow all
/// addresses.
fn kubernetes_api(tenant: &Validated) -> Vec<NetworkPolicyEgressRule> {
    let endpoint = &tenant.kubernetes;
    let peers: Vec<_> = endpoint.addresses.iter().map(|address| range(IpNet::from(*address), &[])).collect();
    let ports: Vec<_> = endpoint.ports.iter().map(|number| port("TCP", *number)).collect();
    if peers.is_empty() || ports.is_empty() { Vec::new() } else { vec![rule(peers, ports)] }
}

fn api_server(config: &Config) -> NetworkPolicyEgressRule {
    let pods = [(labels::APP_NAME, labels::PART_OF), (labels::APP_COMPONENT, "api-server")];
    let pods = pods.map(|(label, value)| (label.to_owned(), value.to_owned()));
    rule(
        vec![pods_in_namespace(&config.release_namespace, pods.into())],
        API_SERVER_PORTS.map(|number| port("TCP", number)).into(),
    )
}

fn plan_egress(tenant: &Validated) -> Vec<NetworkPolicyEgressRule> {
    let ranges = tenant.egress.ranges().iter().filter(|range| !range.except.contains(&range.net));
    let ranges =
        ranges.map(|AddressRange { net, except, ports }| rule(vec![range(*net, except)], tcp_ports(ports)));
    let pods = tenant.egress.pods().iter();
    let pods = pods.map(|PodDestination { namespace, labels, hosts: _, ports }| {
        rule(vec![pods_in_namespace(namespace, labels.clone())], tcp_ports(ports))
    });
    ranges.chain(pods).collect()
}

/// Returns the ports of an egress entry. If the entry names none, all TCP ports are allowed, by a port without a number.
fn tcp_ports(ports: &[u16]) -> Vec<NetworkPolicyPort> {
    let all_ports = NetworkPolicyPort { protocol: Some("TCP".to_owned()), ..NetworkPolicyPort::default() };
    if ports.is_empty() {
        vec![all_ports]
    } else {
        ports.iter().map(|number| port("TCP", i32::from(*number))).collect()
    }
}

fn policy(
    tenant: &Validated,
    name: &str,
    types: &[&str],
    egress: Option<Vec<NetworkPolicyEgressRule>>,
) -> NetworkPolicy {
    NetworkPolicy {
        metadata: child_metadata(tenant, name, "network"),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(LabelSelector::default()),
            policy_types: Some(types.iter().map(|kind| (*kind).to_owned()).collect()),
            egress,
            ..NetworkPolicySpec::default()
        }),
    }
}

fn rule(to: Vec<NetworkPolicyPeer>, ports: Vec<NetworkPolicyPort>) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: Some(to), ports: Some(ports) }
}

fn range(net: IpNet, except: &[IpNet]) -> NetworkPolicyPeer {
    let except: Vec<_> = except.iter().map(ToString::to_string).collect();
    let block = IPBlock { cidr: net.to_string(), except: (!except.is_empty()).then_some(except) };
    NetworkPolicyPeer { ip_block: Some(block), ..NetworkPolicyPeer::default() }
}

fn pods_in_namespace(namespace: &str, pods: BTreeMap<String, String>) -> NetworkPolicyPeer {
    let namespace = [(NAMESPACE_NAME.to_owned(), namespace.to_owned())].into();
    NetworkPolicyPeer {
        namespace_selector: Some(selector(namespace)),
        pod_selector: Some(selector(pods)),
        ip_block: None,
    }
}

fn selector(labels: BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: (!labels.is_empty()).then_some(labels), ..LabelSelector::default() }
}

fn port(protocol: &str, number: i32) -> NetworkPolicyPort {
    NetworkPolicyPort {
        protocol: Some(protocol.to_owned()),
        port: Some(IntOrString::Int(number)),
        end_port: None,
    }
}
