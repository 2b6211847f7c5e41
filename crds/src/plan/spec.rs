//! What a Plan grants.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlanNetwork, PlanStatus};
use crate::{Duration, Quantity};

/// What tenants of a plan may use: limits, namespace, runners, vectors, network and retention.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "Plan",
    plural = "plans",
    shortname = "splan",
    category = "smb",
    status = "PlanStatus",
    derive = "PartialEq",
    doc = "What a tenant may use. A limit that is absent is unlimited.",
    printcolumn(name = "Display-Name", type_ = "string", json_path = ".spec.displayName"),
    printcolumn(name = "Tenants", type_ = "integer", json_path = ".status.tenants"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct PlanSpec {
    /// The plan's name for people; at most 120 characters. Default: the object's name.
    #[schemars(length(max = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// What a tenant pays; absent = free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Features that are switched on, such as `dedicatedVectors`; at most 64.
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Upper bounds of what a tenant has at one time; each absent one is unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PlanLimits>,
    /// What all pods of a tenant's namespace may request together; becomes its ResourceQuota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NamespaceQuota>,
    /// How the pods that execute runs are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<PlanRunners>,
    /// Where a tenant's vectors are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<PlanVectors>,
    /// What runs may reach; absent = nothing but the platform itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<PlanNetwork>,
    /// How long finished things are kept in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<PlanRetention>,
    /// The share of the queue, against other tenants' weights; 1 to 100. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// What a tenant pays.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// ISO 4217, such as `EUR`.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// In the currency's minor unit (cents).
    #[schemars(range(min = 0))]
    pub amount_minor: i64,
    /// How often it is due.
    pub interval: BillingInterval,
}

/// How often a price is due.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum BillingInterval {
    /// Monthly.
    Month,
    /// Yearly.
    Year,
}

/// Upper bounds of what a tenant has at one time; each absent one is unlimited.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanLimits {
    /// Users.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// Documents in the knowledge base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u32>,
    /// Bytes of one document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_bytes: Option<Quantity>,
    /// Bytes of all documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<Quantity>,
    /// Chunks of all documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u32>,
    /// Workflows that are not archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<u32>,
    /// Runs that are running at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_runs: Option<u32>,
    /// Runs that are waiting at one time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_runs: Option<u32>,
    /// Runs started a day (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_per_day: Option<u32>,
    /// API requests a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_requests_per_minute: Option<u32>,
}

/// What all pods of a tenant's namespace may request together.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceQuota {
    /// Requests of all containers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceAmounts>,
    /// Pods at one time.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<u32>,
}

/// Amounts of CPU, memory and local disk.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceAmounts {
    /// Cores, such as `250m` or `4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Bytes, such as `64Mi`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Bytes of local disk, such as `1Gi`.
    #[serde(rename = "ephemeralStorage", default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<Quantity>,
}

/// How the pods that execute runs are made.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanRunners {
    /// Idle runners kept ready a workflow, at most. Default: 0.
    #[schemars(range(max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_max: Option<u32>,
    /// How long a runner may stay after a run, at most. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_max: Option<Duration>,
    /// The RuntimeClass of run pods, such as `gvisor`. Default: the cluster's own.
    #[schemars(length(max = 253))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// What the runner container itself requests. Default: 50m CPU, 64Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceAmounts>,
}

/// Where a tenant's vectors are kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanVectors {
    /// In the collection of all, or in one of the tenant's own. Default: Shared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<VectorPlacement>,
    /// The embedding model, such as `minilm`.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Where vectors are kept.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    strum::Display,
    strum::IntoStaticStr,
)]
pub enum VectorPlacement {
    /// In the collection of all tenants, apart by a tenant filter.
    Shared,
    /// In a collection of the tenant's own.
    Dedicated,
}

/// How long finished things are kept in the database.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanRetention {
    /// Finished runs. Default: 90d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Duration>,
    /// Logs of steps. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Duration>,
    /// Events that clients can resume from. Default: 7d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Duration>,
}
