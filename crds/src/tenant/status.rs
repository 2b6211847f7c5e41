//! What is seen of a Tenant.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{plan::VectorPlacement, schema};

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
    /// The tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The plan in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<AppliedPlan>,
    /// The namespace's quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaStatus>,
    /// Where the tenant's vectors are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<TenantVectors>,
    /// Its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<TenantRuns>,
    /// Since when it is suspended.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Time>,
    /// Since when it is archived.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Time>,
    /// When its data will be destroyed.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_after: Option<Time>,
}

/// How a Tenant is, in a word.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantPhase {
    /// It is being set up.
    Pending,
    /// Everything works.
    Active,
    /// Reads go on, no run starts.
    Suspended,
    /// As suspended, and no pods.
    Archived,
    /// It is being deleted.
    Terminating,
    /// Somebody must act: see the conditions.
    Failed,
}

/// The plan in force.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedPlan {
    /// The Plan's name.
    pub name: String,
    /// The Plan's generation.
    pub generation: i64,
}

/// The namespace's quota, as its ResourceQuota has it.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaStatus {
    /// The bounds.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hard: BTreeMap<String, String>,
    /// What is used.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<String, String>,
}

/// Where the tenant's vectors are.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantVectors {
    /// In the collection of all, or in one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<VectorPlacement>,
    /// The embedding model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The collection's physical name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// The stable name over it, where the collection is the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// The tenant's runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRuns {
    /// That hold a slot.
    #[serde(default)]
    pub running: u32,
    /// That wait for one.
    #[serde(default)]
    pub queued: u32,
    /// Admitted today (UTC).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<DailyRuns>,
}

/// Runs admitted on a day.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyRuns {
    /// The day in UTC, as `2026-11-24`.
    pub date: String,
    /// How many.
    pub count: u32,
}
