//! Network destinations that a tenant's runs may reach.
//!
//! The runner calls [`Egress::allows`] with the address that a host name has resolved to, and then connects to
//! exactly that address. The operator builds network policies from [`Egress::ranges`] and [`Egress::pods`].
//! Private and cluster addresses are allowed only for a host name that a `{namespace, hosts, ports}` entry lists.
//! Loopback, link-local (including the cloud's metadata service) and multicast addresses are always denied.

mod effective;
mod special;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crds::plan::EgressEntry;
use ipnet::IpNet;

pub use effective::effective_egress;

/// Destinations of a plan, or of a plan and a tenant combined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Egress {
    ranges: Vec<AddressRange>,
    pods: Vec<PodDestination>,
    cluster: Vec<IpNet>,
}

/// A range of public addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressRange {
    /// The range of the entry.
    pub net: IpNet,
    /// Private, special and cluster ranges within `net`, which are excluded.
    pub except: Vec<IpNet>,
    /// TCP ports; empty means all.
    pub ports: Vec<u16>,
}

/// PodDestination of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodDestination {
    /// Namespace of the pods.
    pub namespace: String,
    /// Labels of the pods; empty means all pods of the namespace.
    pub labels: BTreeMap<String, String>,
    /// Host names under which the pods may be reached, in lower case.
    pub hosts: Vec<String>,
    /// TCP ports; empty means all.
    pub ports: Vec<u16>,
}

/// Error of an invalid egress entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    /// `cidr` is not a range of addresses.
    #[error("failed to read egress[{index}]: `{cidr}` is not a range such as 203.0.113.0/24")]
    Cidr {
        /// Index of the entry, starting at 0.
        index: usize,
        /// Text of the field.
        cidr: String,
    },
    /// Neither or both of `cidr` and `namespace` are set.
    #[error("failed to read egress[{index}]: exactly one of cidr and namespace must be given")]
    Kind {
        /// Index of the entry, starting at 0.
        index: usize,
    },
}

/// Who else has to change something.
const OTHERS: &str = "in a Plan with tenantsMayExtend: true, spec.network.egress of the Tenant suffices; a Tenant with egress of its own needs the entry there, too";

/// Returns the namespace in the name of a service.
fn namespace_of(host: &str) -> Option<&str> {
    let mut labels = host.trim_end_matches('.').split('.');
    match (labels.next(), labels.next(), labels.next()) {
        (Some(_), Some(namespace), Some("svc")) => Some(namespace),
        _ => None,
    }
}

/// Reason why a connection is refused. The message is shown to the user.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// An address that no plan can allow.
    #[error("{host} resolves to {addr}, a {kind} address, which runs never reach")]
    Forbidden {
        /// Requested host name.
        host: String,
        /// Address that the host name resolved to.
        addr: IpAddr,
        /// `loopback`, `link-local`, …
        kind: &'static str,
    },
    /// An address inside a private network or the cluster.
    #[error(
        "{host} resolves to {addr}, a {kind} address, which the plan's egress does not allow. A platform administrator can add to spec.network.egress of the Plan: {{namespace: {namespace}, ports: [{port}], hosts: [{host}]}} ({OTHERS})",
        namespace = namespace_of(host).unwrap_or("<namespace of its pods>")
    )]
    Private {
        /// Requested host name.
        host: String,
        /// Address that the host name resolved to.
        addr: IpAddr,
        /// `private`, `cluster`, …
        kind: &'static str,
        /// TCP port.
        port: u16,
    },
    /// A service of a namespace that an entry contains, but not under this name.
    #[error(
        "{host} resolves to {addr}, a {kind} address, and the entry of the plan's egress for namespace {namespace} does not list it in its hosts: only the code of python and container steps may connect to the pods. A platform administrator can add to this entry in spec.network.egress of the Plan: hosts: [{host}] ({OTHERS})"
    )]
    HostNotListed {
        /// Requested host name.
        host: String,
        /// Address that the host name resolved to.
        addr: IpAddr,
        /// `private`, `cluster`, …
        kind: &'static str,
        /// Namespace of the entry.
        namespace: String,
    },
    /// A public address that no entry contains.
    #[error(
        "{host} ({addr}, port {port}) is not among the destinations of the plan's egress. A platform administrator can add to spec.network.egress of the Plan: {{cidr: {}, ports: [{port}]}} ({OTHERS})",
        IpNet::from(*addr)
    )]
    NotListed {
        /// Requested host name.
        host: String,
        /// Address that the host name resolved to.
        addr: IpAddr,
        /// TCP port.
        port: u16,
    },
}

impl Egress {
    /// Reads the entries. `cluster` are the ranges of pods, services and nodes.
    ///
    /// # Errors
    /// Returns an error for the first invalid entry.
    pub fn parse(entries: &[EgressEntry], cluster: &[IpNet]) -> Result<Self, EgressError> {
        let mut egress = Self { cluster: cluster.to_vec(), ..Self::default() };
        for (index, entry) in entries.iter().enumerate() {
            egress.add(index, entry)?;
        }
        Ok(egress)
    }

    fn add(&mut self, index: usize, entry: &EgressEntry) -> Result<(), EgressError> {
        let EgressEntry { cidr, namespace, pod_labels, ports, hosts } = entry;
        match (cidr, namespace) {
            (Some(cidr), None) => {
                let net = parse_range(cidr).ok_or_else(|| EgressError::Cidr { index, cidr: cidr.clone() })?;
                let except = special::within(&net, &self.cluster);
                self.ranges.push(AddressRange { net, except, ports: ports.clone() });
            }
            (None, Some(namespace)) => self.pods.push(PodDestination {
                namespace: namespace.clone(),
                labels: pod_labels.clone(),
                hosts: hosts.iter().map(|host| normal(host)).collect(),
                ports: ports.clone(),
            }),
            _ => return Err(EgressError::Kind { index }),
        }
        Ok(())
    }

    /// Checks whether a run may connect to `addr`, to which `host` has resolved, on a TCP port.
    ///
    /// # Errors
    /// Returns the reason if the connection is not allowed.
    pub fn allows(&self, host: &str, addr: IpAddr, port: u16) -> Result<(), Denied> {
        let target = special::embedded(addr);
        if let Some(kind) = special::forbidden(target) {
            return Err(Denied::Forbidden { host: host.to_owned(), addr, kind });
        }
        if self.names(&normal(host), port) {
            return Ok(());
        }
        if let Some(kind) = special::private(target, &self.cluster) {
            return Err(self.private(host.to_owned(), addr, kind, port));
        }
        let listed =
            self.ranges.iter().any(|range| range.net.contains(&target) && covers(&range.ports, port));
        if listed { Ok(()) } else { Err(Denied::NotListed { host: host.to_owned(), addr, port }) }
    }

    fn private(&self, host: String, addr: IpAddr, kind: &'static str, port: u16) -> Denied {
        let namespace = namespace_of(&host).map(str::to_ascii_lowercase);
        let entry = |namespace: &String| {
            self.pods.iter().any(|pods| pods.namespace == *namespace && covers(&pods.ports, port))
        };
        match namespace.filter(entry) {
            Some(namespace) => Denied::HostNotListed { host, addr, kind, namespace },
            None => Denied::Private { host, addr, kind, port },
        }
    }

    /// Returns the address ranges for network policies. A range that lies entirely within private addresses is listed
    /// in its own `except`.
    #[must_use]
    pub fn ranges(&self) -> &[AddressRange] {
        &self.ranges
    }

    /// Returns the pods for network policies.
    #[must_use]
    pub fn pods(&self) -> &[PodDestination] {
        &self.pods
    }

    fn names(&self, host: &str, port: u16) -> bool {
        self.pods.iter().any(|pods| covers(&pods.ports, port) && pods.hosts.iter().any(|named| named == host))
    }
}

/// Parses a range or a single address.
fn parse_range(cidr: &str) -> Option<IpNet> {
    let net = cidr.parse::<IpNet>().ok().or_else(|| cidr.parse::<IpAddr>().ok().map(IpNet::from));
    net.map(|net| net.trunc())
}

fn covers(ports: &[u16], port: u16) -> bool {
    ports.is_empty() || ports.contains(&port)
}

fn normal(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
