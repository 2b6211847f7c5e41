//! The egress that a plan or a tenant allows to runs.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema;

/// Network destinations that runs may connect to.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanNetwork {
    /// Allowed destinations; at most 32. A connection to any other destination fails with `EGRESS_DENIED`. Default: none.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressEntry>,
    /// Whether the egress of a tenant (`spec.network.egress` of the Tenant) may allow destinations that the plan does not. If false, it can only narrow the plan's egress. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants_may_extend: Option<bool>,
}

/// One allowed destination: either a range of IP addresses (`cidr`) or pods of the cluster (`namespace`).
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.cidr) != has(self.namespace)")
    .message("an egress entry must have exactly one of cidr and namespace"))]
pub struct EgressEntry {
    /// Range of IP addresses in CIDR notation, such as `203.0.113.0/24`, or one address. Private, link-local and cluster addresses within the range are excluded. Pods of the cluster need an entry with `namespace`, and `http` steps its `hosts`, too; other private addresses cannot be reached. Exactly one of `cidr` and `namespace` must be set.
    #[schemars(length(min = 1, max = 49))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// Namespace of the pods that runs may connect to. Exactly one of `cidr` and `namespace` must be set.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels that select the pods in `namespace`; at most 16. Default: all pods of the namespace.
    #[schemars(extend("maxProperties" = 16))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// Allowed TCP ports; at most 16. Default: all ports.
    #[schemars(length(max = 16), inner(range(min = 1, max = 65535)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Host names by which `http` steps may call the pods in `namespace`, such as `prices.shop.svc.cluster.local`; at most 16. Without `hosts`, only the code of `python` and `container` steps may connect to the pods. Default: none.
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}
