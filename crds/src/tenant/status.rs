//! What is seen of a Tenant.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::VectorPlacement;

/// What is seen of a Tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// The generation that this status is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// For people; conditions are for machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<TenantPhase>,
    /// Ready, Reconciling, Stalled, NamespaceReady, PolicyReady, AccessReady, VectorStoreReady, Mirrored, Exported.
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The namespace that is the tenant's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The plan that is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<PlanSeen>,
    /// The namespace's quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaStatus>,
    /// Where the vectors are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<VectorsStatus>,
    /// Runs now and today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<TenantRuns>,
    /// When it was suspended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Time>,
    /// When it was archived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Time>,
    /// When its data may be purged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_after: Option<Time>,
}

/// For people; conditions are for machines.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantPhase {
    /// Its namespace is being made.
    Pending,
    /// Everything works.
    Active,
    /// Reads go on; no run starts.
    Suspended,
    /// Read-only, without pods.
    Archived,
    /// It is being deleted.
    Terminating,
}

/// The plan that is in force.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanSeen {
    /// Its name.
    pub name: String,
    /// Its generation when it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
}

/// The namespace's quota, as its ResourceQuota says.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaStatus {
    /// The bounds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hard: BTreeMap<String, String>,
    /// What is used of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<String, String>,
}

/// Where the vectors are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct VectorsStatus {
    /// In the shared collection, or in the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<VectorPlacement>,
    /// The embedding model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The collection's physical name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The alias over it, where the collection is the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// Runs now and today.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRuns {
    /// Running now.
    pub running: u32,
    /// Waiting now.
    pub queued: u32,
    /// Started today (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<RunsToday>,
}

/// Runs started in one day.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct RunsToday {
    /// The day, as in `2026-11-24` (UTC).
    pub date: String,
    /// How many runs were started.
    pub count: u32,
}
