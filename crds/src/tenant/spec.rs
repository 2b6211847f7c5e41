//! What is wanted of a Tenant.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{Display, IntoStaticStr, VariantArray};

use super::TenantStatus;
use crate::{Duration, plan::EgressEntry, schema};

/// A business: its plan, its people, its namespace and what becomes of its data.
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
    doc = "A business. The object's name is its slug.",
    selectable = ".spec.planRef.name",
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("a tenant's name is its slug: at most 40 lower-case letters, digits and dashes; begin with a letter, end with a letter or digit"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.planRef.name"),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".status.namespace"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].reason"#
    ),
    printcolumn(name = "Runs", type_ = "integer", json_path = ".status.runs.running"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.namespace) || !has(oldSelf.namespace.name) || (has(self.namespace) && has(self.namespace.name))").message("namespace.name is immutable once set: a tenant does not move, make a new tenant instead").field_path(".namespace.name"))]
pub struct TenantSpec {
    /// The business's name for people; at most 120 characters. Default: the slug.
    #[schemars(length(max = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The plan that says what this tenant may use.
    pub plan_ref: PlanRef,
    /// Active: everything works. Suspended: reads go on, no run starts. Archived: as suspended, and no pods. Default: Active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Who may use kubectl in the tenant's namespace, and as what; at most 64.
    #[schemars(
        length(max = 64),
        extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"])
    )]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Access>,
    /// The tenant's namespace; immutable once set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<TenantNamespace>,
    /// Narrows the plan's network; extends it where the plan says `tenantsMayExtend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<TenantNetwork>,
    /// Free JSON that expressions see as `tenant.settings`.
    #[schemars(schema_with = "schema::free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// What becomes of running runs when the tenant is suspended: Drain lets them end, Cancel ends them. Default: Drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_suspend: Option<OnSuspend>,
    /// What becomes of the data when this object is deleted: Retain keeps it, Delete destroys it. Default: Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long what is kept is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<TenantRetention>,
}

/// The plan of a tenant.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRef {
    /// The Plan's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Whether a tenant works.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantState {
    /// Everything works.
    #[default]
    Active,
    /// Reads go on, no run starts.
    Suspended,
    /// As suspended, and no pods.
    Archived,
}

/// Who may use kubectl in the tenant's namespace, and as what.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// A user or a group, as the cluster's authentication names them.
    pub kind: AccessKind,
    /// The name of the user or group.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// What they may do.
    pub role: AccessRole,
}

/// Whom an access is for.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccessKind {
    /// One user.
    User,
    /// A group of users.
    Group,
}

/// What a kubectl user may do in the tenant's namespace.
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
    /// All of the below, and secrets for workflows.
    Admin,
    /// Changes workflows, and starts runs.
    Builder,
    /// Starts and cancels runs.
    Operator,
    /// Reads.
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
    /// Its name. Default: `t-<slug>`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("namespace.name is immutable once set: a tenant does not move, make a new tenant instead"))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("a namespace's name is made of lower-case letters, digits and dashes, and begins and ends with a letter or digit"))]
    #[x_kube(validation = Rule::new("!self.startsWith('kube-') && self != 'default'").message("default and the kube- namespaces are the cluster's own: choose another one"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether a namespace that exists may be taken over. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<bool>,
    /// Labels to add to it, at most 32; not those under `smbcopilot.dev/` and `pod-security.kubernetes.io/`.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/') || k.startsWith('pod-security.kubernetes.io/') || k == 'app.kubernetes.io/managed-by')").message("labels under smbcopilot.dev/ and pod-security.kubernetes.io/, and app.kubernetes.io/managed-by, are the operator's: leave them out"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to add to it, at most 32; not those under `smbcopilot.dev/`.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/'))").message("annotations under smbcopilot.dev/ are the operator's: leave them out"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What this tenant's runs may reach.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNetwork {
    /// Destinations, at most 32; absent = the plan's.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressEntry>,
}

/// What becomes of running runs when the tenant is suspended.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSuspend {
    /// They end by themselves.
    #[default]
    Drain,
    /// They are cancelled.
    Cancel,
}

/// What becomes of the data when the Tenant is deleted.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// It is kept.
    #[default]
    Retain,
    /// It is destroyed.
    Delete,
}

/// How long what is kept is kept.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantRetention {
    /// From archiving to the purge, where `deletionPolicy` is Delete. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_for: Option<Duration>,
}
