//! The desired state of a Tenant.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{Display, IntoStaticStr, VariantArray};

use super::TenantStatus;
use crate::{Duration, plan::EgressEntry, schema};

/// TenantSpec defines a business: its plan, namespace, access, network and the retention of its data.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[kube(
    group = "smbcopilot.dev",
    version = "v1alpha1",
    kind = "Tenant",
    plural = "tenants",
    shortname = "sten",
    category = "smb",
    status = "TenantStatus",
    derive = "PartialEq",
    doc = "Tenant is a business that uses the platform. Its name is its slug.",
    selectable = ".spec.planRef.name",
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name of a Tenant must be a slug: at most 40 lower-case letters, digits and hyphens, starting with a letter and ending with a letter or digit"),
    printcolumn(name = "State", description = "Summary of the state of the tenant", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Plan", description = "Plan of the tenant", type_ = "string", json_path = ".spec.planRef.name"),
    printcolumn(name = "Namespace", description = "Namespace of the tenant", type_ = "string", json_path = ".status.namespace"),
    printcolumn(
        name = "Ready", description = "Whether the tenant matches its spec",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason", description = "Reason of the condition Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Runs", description = "Number of runs that hold a slot", type_ = "integer", json_path = ".status.runs.running"),
    printcolumn(name = "Age", description = "Time since the tenant was created", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.namespace) || !has(oldSelf.namespace.name) || (has(self.namespace) && has(self.namespace.name))").message("namespace.name is immutable once set: create another tenant to use another namespace").field_path(".namespace.name"))]
pub struct TenantSpec {
    /// Human-readable name of the business; at most 120 characters. Default: `metadata.name`.
    #[schemars(length(max = 120), regex(pattern = schema::SHORT_TEXT))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Reference to the plan that defines what the tenant may use.
    pub plan_ref: PlanRef,
    /// Desired state. `Active`: runs may start. `Suspended`: data can be read, but no run starts. `Archived`: like Suspended, all unfinished runs are cancelled, the namespace may contain no pods, and neither can runs be created nor workflows be changed. Default: Active.
    #[schemars(with = "TenantState")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Users and groups that may access the tenant's namespace with kubectl, each with a role; at most 64. Default: none.
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Access>,
    /// The tenant's namespace. Its name is immutable once set. Default: a new namespace `t-<slug>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<TenantNamespace>,
    /// Network destinations of the tenant's runs. Default: those of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<TenantNetwork>,
    /// Arbitrary JSON object that expressions read as `tenant.settings`. Default: `{}`.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// Handling of runs that have started when the tenant is suspended. `Drain`: they continue until they finish. `Cancel`: they are cancelled with `TENANT_SUSPENDED`. Default: Drain.
    #[schemars(with = "OnSuspend")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_suspend: Option<OnSuspend>,
    /// Handling of the tenant's data when this object is deleted. `Retain`: the namespace and its content are retained, and a later Tenant of the same name can restore them with the annotation `smbcopilot.dev/restore-from`. `Delete`: the vectors, the stored outputs, the records in the database and the namespace with its content are deleted; those of an archived tenant also without a deletion of this object, at `status.purgeAfter`. Default: Retain.
    #[schemars(with = "DeletionPolicy")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Time that the data of an archived tenant is retained. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<TenantRetention>,
}

/// Reference to a Plan.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRef {
    /// Name of the Plan.
    #[schemars(length(min = 1, max = 63), regex(pattern = schema::OBJECT_NAME))]
    pub name: String,
}

/// Desired state of a tenant: `Active`, `Suspended` or `Archived`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantState {
    /// Runs may start.
    #[default]
    Active,
    /// Data can be read, but no run starts.
    Suspended,
    /// Like Suspended; all unfinished runs are cancelled, the namespace may contain no pods, and workflows cannot be changed.
    Archived,
}

/// Access of a user or group to the tenant's namespace with kubectl.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// Kind of the subject: `User` or `Group`, as in the subjects of a RoleBinding.
    pub kind: AccessKind,
    /// Name of the user or group as the cluster's authentication reports it.
    #[schemars(length(min = 1, max = 253), regex(pattern = schema::SHORT_TEXT))]
    pub name: String,
    /// Role of the user or group. `admin`: everything below, and managing Secrets for workflows. `builder`: managing workflows and starting runs. `operator`: starting and cancelling runs. `viewer`: reading.
    pub role: AccessRole,
}

/// Kind of a subject: `User` or `Group`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessKind {
    /// One user.
    User,
    /// A group of users.
    Group,
}

/// Role of a kubectl user in the tenant's namespace: `admin`, `builder`, `operator` or `viewer`.
#[derive(
    JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Display,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AccessRole {
    /// All permissions of the other roles, and managing Secrets for workflows.
    Admin,
    /// Managing workflows and starting runs.
    Builder,
    /// Starting and cancelling runs.
    Operator,
    /// Reading.
    Viewer,
}

impl AccessRole {
    /// Returns the role as it is written in the resource, such as `builder`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The tenant's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNamespace {
    /// Name of the namespace. Immutable once it is set, or once the tenant has a namespace. Default: `t-<slug>`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("namespace.name is immutable once set: create another tenant to use another namespace"))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("namespace.name must consist of lower-case letters, digits and hyphens, and start and end with a letter or digit"))]
    #[x_kube(validation = Rule::new("!self.startsWith('kube-') && self != 'default'").message("namespace.name must not be default or start with kube-: these namespaces belong to the cluster"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether the operator may take over a namespace that already exists. Its annotation `smbcopilot.dev/adopt-by` must be the name of this tenant. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<bool>,
    /// Labels to add to the namespace; at most 32. Keys under `smbcopilot.dev/` and `pod-security.kubernetes.io/`, and `app.kubernetes.io/managed-by`, are reserved. Default: none.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/') || k.startsWith('pod-security.kubernetes.io/') || k == 'app.kubernetes.io/managed-by')").message("namespace.labels must not contain reserved keys: smbcopilot.dev/*, pod-security.kubernetes.io/* and app.kubernetes.io/managed-by are set by the operator"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to add to the namespace; at most 32. Keys under `smbcopilot.dev/` are reserved. Default: none.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/'))").message("namespace.annotations must not contain reserved keys: smbcopilot.dev/* is set by the operator"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Network destinations of the tenant's runs.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNetwork {
    /// Destinations that runs may connect to; at most 32. Only destinations that the plan also allows take effect, unless the plan sets `tenantsMayExtend`. Default: the plan's egress.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressEntry>,
}

/// Handling of runs that have started when a tenant is suspended: `Drain` or `Cancel`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSuspend {
    /// They continue until they finish.
    #[default]
    Drain,
    /// They are cancelled.
    Cancel,
}

/// Handling of a tenant's data when the Tenant is deleted: `Retain` or `Delete`.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// The namespace and its content are retained.
    #[default]
    Retain,
    /// The namespace is deleted with its content.
    Delete,
}

/// Time that the data of an archived tenant is retained.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantRetention {
    /// Time between archiving the tenant and the deletion of the Tenant with its data, if `deletionPolicy` is Delete. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_for: Option<Duration>,
}
