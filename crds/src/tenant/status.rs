//! The observed state of a Tenant.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

use crate::{plan::VectorPlacement, schema};

/// Reason of the condition `Reconciling` of a deleted tenant while the operator waits until the api-server has deleted its data.
pub const DELETING_DATA: &str = "DeletingData";

/// TenantStatus is the observed state of a Tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TenantStatus {
    /// Most recent `metadata.generation` that the operator has observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Summary of the tenant's state, for display; programs should read `conditions`. `Pending`: being set up. `Active`: runs may start. `Suspended`: no run starts. `Archived`: no run starts and no pods exist. `Terminating`: being deleted. `Failed`: intervention is required, see `conditions`.
    #[schemars(with = "TenantPhase")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<TenantPhase>,
    /// Conditions of the tenant, by type: `Ready`, `Reconciling`, `Stalled`, `NamespaceReady` (namespace and quota), `PolicyReady` (network policies, whether the cluster enforces them, and usage within the plan; not a part of `Ready` unless a rule is invalid), `AccessReady` (role bindings), `VectorStoreReady` (vector storage; not a part of `Ready`), `Mirrored` (stored in the database), `Exported` (the data of the archived tenant is in object storage), `Purgeable` (exported, and the retention of the archived tenant has ended), `DataDeleted` (records and stored outputs of the deleted tenant are deleted).
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Name of the tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// User id of the processes of the tenant's steps, which no other tenant has. The kernel counts some resources of a node by user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_as_user: Option<u32>,
    /// Plan that the operator has applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<AppliedPlan>,
    /// Limits and usage of the namespace's ResourceQuota; updated at most every 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<QuotaStatus>,
    /// Vector storage of the tenant. The condition `VectorStoreReady` says whether it can be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<TenantVectors>,
    /// Numbers of the tenant's unfinished and admitted runs; updated at most every 10 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<TenantRuns>,
    /// Time at which the tenant was suspended. Absent if it is not suspended.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended_at: Option<Time>,
    /// Time at which all runs of the archived tenant had ended. Absent if the tenant is not archived.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_at: Option<Time>,
    /// Time from which the operator deletes the archived Tenant with its data, once the conditions `Exported` and `Purgeable` are true. Absent unless the tenant is archived and `deletionPolicy` is Delete.
    #[schemars(schema_with = "schema::time")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purge_after: Option<Time>,
    /// Export of the archived tenant's data. Absent if the tenant is not archived or its data is not exported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub export: Option<TenantExport>,
}

/// Summary of a tenant's state: `Pending`, `Active`, `Suspended`, `Archived`, `Terminating` or `Failed`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum TenantPhase {
    /// The tenant is being set up.
    Pending,
    /// Runs may start.
    Active,
    /// No run starts.
    Suspended,
    /// No run starts and no pods exist.
    Archived,
    /// The tenant is being deleted.
    Terminating,
    /// Intervention is required; the conditions give the reason.
    Failed,
}

/// Plan that the operator has applied to a tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct AppliedPlan {
    /// Name of the Plan.
    pub name: String,
    /// `metadata.generation` of the Plan that was applied.
    pub generation: i64,
}

/// Limits and usage of the namespace's ResourceQuota.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaStatus {
    /// Limit of each resource, such as `requests.cpu` or `pods`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hard: BTreeMap<String, String>,
    /// Current usage of each resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub used: BTreeMap<String, String>,
}

/// Vector storage of a tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantVectors {
    /// Placement of the vectors. `Shared`: in the collection that all tenants share. `Dedicated`: in a collection of the tenant's own.
    #[schemars(with = "VectorPlacement")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<VectorPlacement>,
    /// Name of the embedding model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Physical name of the collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub collection: Option<String>,
    /// Stable alias of the collection, if the collection is the tenant's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
}

/// Reason of the condition `DataDeleted` of a deleted tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, EnumString)]
pub enum DataDeletion {
    /// The data is deleted.
    Deleted,
    /// The data is being deleted.
    Deleting,
    /// The deletion begins when the export of the archived tenant is complete.
    WaitingForExport,
    /// The data is not deleted: the deletion is not confirmed, and no export makes up for it.
    NotConfirmed,
    /// The tenant has stored outputs, and no object storage is configured.
    ObjectStorageNotConfigured,
    /// The object storage cannot be reached or refuses requests. The deletion is retried.
    ObjectStorageUnavailable,
}

impl DataDeletion {
    /// Returns the reason as it is written in the condition.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Returns whether the deletion continues by itself, without a user.
    #[must_use]
    pub fn continues(self) -> bool {
        matches!(self, Self::Deleting | Self::WaitingForExport)
    }
}

/// Export of an archived tenant's data.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantExport {
    /// URL of the folder in object storage; its file `manifest.json` lists all others.
    pub location: String,
    /// `status.archivedAt` of the archiving whose data was exported.
    #[schemars(schema_with = "schema::time")]
    pub archived_at: Time,
}

/// Numbers of a tenant's runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantRuns {
    /// Number of runs that hold a slot.
    #[serde(default)]
    pub running: u32,
    /// Number of runs that wait for a slot.
    #[serde(default)]
    pub queued: u32,
    /// Number of runs admitted on the current day (UTC), which counts towards the plan's `runsPerDay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub today: Option<DailyRuns>,
}

/// Number of runs admitted on one day.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyRuns {
    /// Day in UTC, such as `2026-11-24`.
    pub date: String,
    /// Number of runs admitted on that day.
    pub count: u32,
}
