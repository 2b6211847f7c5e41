//! What runs may reach.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs may reach; private ranges only where named.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanNetwork {
    /// Destinations, at most 32.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressEntry>,
    /// Whether a tenant's own egress may add to the plan's; otherwise it narrows it. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenants_may_extend: Option<bool>,
}

/// One destination: a range of addresses, or pods of the cluster.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.cidr) != has(self.namespace)")
    .message("an egress entry is either a cidr or a namespace (with podLabels): give exactly one of the two"))]
pub struct EgressEntry {
    /// Addresses, such as `0.0.0.0/0`; private, link-local and cluster ranges are cut out of it.
    #[schemars(length(min = 1, max = 49))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The namespace of pods that may be reached.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the pods in `namespace`; absent = all of them. At most 16.
    #[schemars(extend("maxProperties" = 16))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pod_labels: BTreeMap<String, String>,
    /// TCP ports, at most 16; absent = all.
    #[schemars(length(max = 16), inner(range(min = 1, max = 65535)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<u16>,
    /// Host names by which these pods may be called, at most 16.
    #[schemars(length(max = 16), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
}
