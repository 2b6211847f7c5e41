//! The desired state of a Plan.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PlanNetwork, PlanStatus};
use crate::{Duration, Quantity, schema};

/// PlanSpec defines what each tenant of the plan may use: limits, namespace quota, runners, vector storage, network and retention.
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
    doc = "Plan defines what the tenants that refer to it may use. A limit that is not set is unlimited.",
    printcolumn(
        name = "Display-Name",
        description = "Human-readable name of the plan",
        type_ = "string",
        json_path = ".spec.displayName"
    ),
    printcolumn(
        name = "Tenants",
        description = "Number of tenants of the plan",
        type_ = "integer",
        json_path = ".status.tenants"
    ),
    printcolumn(
        name = "Ready",
        description = "Whether the plan is valid",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Age",
        description = "Time since the plan was created",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct PlanSpec {
    /// Human-readable name of the plan; at most 120 characters. Default: `metadata.name`.
    #[schemars(length(max = 120), regex(pattern = schema::SHORT_TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Price of the plan. Default: free of charge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
    /// Names of enabled features, such as `dedicatedVectors`; at most 64, each at most 63 characters. Default: none.
    #[schemars(length(max = 64), inner(length(min = 1, max = 63)), extend("x-kubernetes-list-type" = "set"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// Limits that apply to each tenant of the plan. Default: unlimited, except for limits whose description names another default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<PlanLimits>,
    /// Resources that all pods in a tenant's namespace may request in total. The operator writes them to the namespace's ResourceQuota. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<NamespaceQuota>,
    /// Settings for the runner pods that execute runs. Default: no idle runners, and requests of 50m CPU and 64Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runners: Option<PlanRunners>,
    /// Vector storage of the tenant's knowledge base. Default: shared, with the model `minilm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<PlanVectors>,
    /// Network destinations that runs may connect to. Default: none except the platform itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<PlanNetwork>,
    /// Registries from which steps may use container images, as `host` or `host:port`, with or without a path such as `ghcr.io/acme`; at most 32. A host name must have a dot; addresses are not permitted. Images of the platform may be used only if an entry names their path. Default: docker.io, ghcr.io, mcr.microsoft.com, public.ecr.aws, quay.io, registry.k8s.io.
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 253), regex(pattern = schema::REGISTRY)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registries: Option<Vec<String>>,
    /// Time that finished runs, logs and events are retained in the database. Default: 90d for runs, 30d for logs, 7d for events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<PlanRetention>,
    /// Weight of each tenant in the order in which queued runs of several tenants start; 1 to 100. A tenant with weight 2 starts two runs for each run that a tenant with weight 1 starts, as long as both have runs that may start. Default: 1.
    #[schemars(range(min = 1, max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u32>,
}

/// Price of a plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Price {
    /// Three-letter ISO 4217 currency code, such as `EUR`.
    #[schemars(regex(pattern = "^[A-Z]{3}$"))]
    pub currency: String,
    /// Amount per billing interval in the currency's minor unit, such as cents; at least 0.
    #[schemars(range(min = 0))]
    pub amount_minor: i64,
    /// Billing interval: `Month` or `Year`.
    pub interval: BillingInterval,
}

/// Billing interval of a price: `Month` or `Year`.
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
    /// Monthly billing.
    Month,
    /// Yearly billing.
    Year,
}

/// Limits that apply to each tenant of a plan. A limit that is not set is unlimited, unless its description names a default.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanLimits {
    /// Maximum number of users, deactivated and invited ones included. The api-server refuses a further one. Default: 10000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<u32>,
    /// Maximum number of documents in the knowledge base. The api-server refuses a further one. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub documents: Option<u32>,
    /// Maximum size of one document in bytes, such as `20Mi`. The api-server refuses a larger one. Default: 50Mi, which is also the maximum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document_bytes: Option<Quantity>,
    /// Maximum size of all documents and outputs of runs in object storage in bytes, such as `5Gi`. The api-server refuses a document that does not fit, and a step whose output does not fit fails with `OUTPUT_TOO_LARGE`. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage_bytes: Option<Quantity>,
    /// Maximum size of the logs of all runs in the database in bytes, such as `1Gi`; each line counts 100 bytes more than its text. Later lines are dropped, and the log of each run says so. Default: unlimited, up to 50 MiB for each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_bytes: Option<Quantity>,
    /// Maximum number of chunks of all documents. A document that does not fit fails with `QUOTA_EXCEEDED`. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<u32>,
    /// Maximum number of workflows, archived ones included. The API server refuses a further one. Default: 200.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workflows: Option<u32>,
    /// Maximum number of runs in the cluster: unfinished ones, and finished ones that are not deleted yet. The API server refuses a further one. If more than half of them have finished, the oldest of these are deleted before their retention, once they are stored in the database. Default: 1000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_runs: Option<u32>,
    /// Maximum number of unfinished runs: running, queued and suspended ones. A further run fails with `UNFINISHED_RUNS_LIMIT`. Default: unlimited, up to `storedRuns`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished_runs: Option<u32>,
    /// Maximum size of the inputs of all unfinished runs together in bytes of JSON text, such as `64Mi`. A run whose input does not fit fails with `STORED_INPUT_LIMIT`. Default: 64Mi.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_input_bytes: Option<Quantity>,
    /// Maximum number of runs that hold a slot at the same time. Further runs are queued with reason `PlanConcurrency`. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_runs: Option<u32>,
    /// Maximum number of queued runs. A further run fails with `QUEUE_FULL`. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queued_runs: Option<u32>,
    /// Maximum number of runs that are admitted per day (UTC). Further runs are queued with reason `PlanRunsPerDay` until the next day. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs_per_day: Option<u32>,
    /// Shortest interval between two runs of a schedule, such as `1s`. A workflow with a shorter one has the problem `ScheduleTooFrequent`. Default: 1m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_schedule_interval: Option<Duration>,
    /// Maximum number of API requests per minute and replica of the api-server; at least 1. One user can send 80 % of them. Further requests fail with 429 `rate_limited`. Default: unlimited.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_requests_per_minute: Option<u32>,
}

/// Resources that all pods in a tenant's namespace may request in total.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct NamespaceQuota {
    /// Maximum total of the resource requests of all containers. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceAmounts>,
    /// Maximum number of pods; at least 1. Default: unlimited.
    #[schemars(range(min = 1))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pods: Option<u32>,
}

/// Amounts of CPU, memory and ephemeral storage.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ResourceAmounts {
    /// CPU in cores, such as `250m` or `4`. Default: unlimited in `spec.namespace.requests`, 50m in `spec.runners.resources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory in bytes, such as `64Mi`. Default: unlimited in `spec.namespace.requests`, 64Mi in `spec.runners.resources`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Local ephemeral storage in bytes, such as `1Gi`. Default: unlimited in `spec.namespace.requests`, 64Mi in `spec.runners.resources`.
    #[serde(rename = "ephemeralStorage", default, skip_serializing_if = "Option::is_none")]
    pub ephemeral_storage: Option<Quantity>,
}

/// Settings for the runner pods that execute runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanRunners {
    /// Maximum number of idle runners per workflow; caps `spec.runners.warm` of the Workflow. 0 to 100. Default: 0.
    #[schemars(range(max = 100))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_max: Option<u32>,
    /// Maximum time that an idle runner waits for the next run; caps `spec.runners.keepAlive` of the Workflow. Default: 0s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_max: Option<Duration>,
    /// Name of the RuntimeClass of runner pods, such as `gvisor`. Default: the cluster's default runtime.
    #[schemars(length(max = 253), regex(pattern = schema::OBJECT_NAME))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime_class_name: Option<String>,
    /// Maximum CPU that each container for `python` or `container` steps may use, such as `2`. A container whose steps request more may use what they request. Default: unlimited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<Quantity>,
    /// Resources that the `runner` container requests, in addition to those of its step hosts. Default: 50m CPU, 64Mi memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ResourceAmounts>,
}

/// Vector storage of a tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanVectors {
    /// Placement of the tenant's vectors. `Shared`: in the collection that all tenants share, separated by a tenant filter. `Dedicated`: in a collection of its own, with `limits.chunks` as the limit of its points. Vectors that exist are not moved. Default: Shared.
    #[schemars(with = "VectorPlacement")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<VectorPlacement>,
    /// Name of the embedding model; at most 63 characters. `minilm`: all-MiniLM-L6-v2, 384 dimensions. Vectors that exist are not moved. Default: minilm.
    #[schemars(length(min = 1, max = 63))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// Placement of a tenant's vectors: `Shared` or `Dedicated`.
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
    /// In the collection that all tenants share, separated by a tenant filter.
    Shared,
    /// In a collection of the tenant's own.
    Dedicated,
}

/// Time that finished runs, logs and events are retained in the database. Default: 90d for runs, 30d for logs, 7d for events.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct PlanRetention {
    /// Time that a finished run is retained. Default: 90d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Duration>,
    /// Time that the logs of a finished run are retained. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logs: Option<Duration>,
    /// Time that an event of the database is retained. Default: 7d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Duration>,
}
