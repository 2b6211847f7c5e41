//! What is asked of a Tenant.

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::TenantStatus;
use crate::{Duration, plan::EgressEntry, schema::free_object};

/// A business on the platform: its plan, who may use it with kubectl, its namespace and its settings.
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
    doc = "A business on the platform. metadata.name is its slug: lower-case letters, digits and dashes, at most 40.",
    selectable = ".spec.planRef.name",
    validation = Rule::new("self.metadata.name.size() <= 40 && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("a tenant's name is its slug: at most 40 lower-case letters, digits and dashes; begin with a letter and do not end with a dash"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Plan", type_ = "string", json_path = ".spec.planRef.name"),
    printcolumn(name = "Namespace", type_ = "string", json_path = ".status.namespace"),
    printcolumn(name = "Ready", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].status"#),
    printcolumn(name = "Reason", type_ = "string", json_path = r#".status.conditions[?(@.type=="Ready")].reason"#),
    printcolumn(name = "Runs", type_ = "integer", json_path = ".status.runs.running"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(oldSelf.namespace) || !has(oldSelf.namespace.name) || (has(self.namespace) && has(self.namespace.name) && self.namespace.name == oldSelf.namespace.name)")
    .message("namespace.name is immutable once set: a tenant does not move; make a new tenant instead").field_path(".namespace.name"))]
pub struct TenantSpec {
    /// The business's name for people; at most 120 characters. Default: the slug.
    #[schemars(length(max = 120))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// The plan that says what this tenant may use.
    pub plan_ref: PlanRef,
    /// Active, Suspended (reads only, no run starts) or Archived (as suspended, and no pods). Default: Active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<TenantState>,
    /// Who may work in the tenant's namespace with kubectl; at most 200.
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["kind", "name"]))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub access: Vec<Access>,
    /// The tenant's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<TenantNamespace>,
    /// What this tenant's runs may reach.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<TenantNetwork>,
    /// Free JSON that expressions see as `tenant.settings`.
    #[schemars(schema_with = "free_object")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<Value>,
    /// What becomes of running runs when the tenant is suspended. Default: Drain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_suspend: Option<OnSuspend>,
    /// What becomes of the data when the Tenant is deleted. Default: Retain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// How long an archived tenant's data stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<TenantRetention>,
}

/// A plan by its name.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanRef {
    /// The Plan's name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// Active, Suspended (reads only, no run starts) or Archived (as suspended, and no pods). Default: Active.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TenantState {
    /// Everything works.
    #[default]
    Active,
    /// Reads go on; no run starts.
    Suspended,
    /// As suspended, and no pods; the data stays, read-only.
    Archived,
}

/// Somebody who may work in the tenant's namespace with kubectl.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// A user or a group of the cluster.
    pub kind: AccessKind,
    /// The user's or group's name, as the cluster authenticates it; at most 253 characters.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// admin, builder (workflows), operator (runs) or viewer.
    pub role: AccessRole,
}

/// A user or a group of the cluster.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// One user.
    User,
    /// All members of a group.
    Group,
}

/// admin, builder (workflows), operator (runs) or viewer.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "lowercase")]
pub enum AccessRole {
    /// All that a tenant's people may do.
    Admin,
    /// Makes and changes workflows, and starts runs.
    Builder,
    /// Starts and cancels runs.
    Operator,
    /// Reads.
    Viewer,
}

impl AccessRole {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Builder, Self::Operator, Self::Viewer];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Builder => "builder",
            Self::Operator => "operator",
            Self::Viewer => "viewer",
        }
    }
}

/// The tenant's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNamespace {
    /// Its name; immutable once set. Default: `t-<slug>`.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("a namespace's name is made of lower-case letters, digits and dashes, and begins and ends with a letter or digit"))]
    #[x_kube(validation = Rule::new("!self.startsWith('kube-') && self != 'default'")
        .message("default and the kube- namespaces belong to the cluster: choose another namespace"))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether a namespace that exists already may be taken over. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopt: Option<bool>,
    /// Labels to put on it, at most 32.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/') || k.startsWith('pod-security.kubernetes.io/') || k == 'app.kubernetes.io/managed-by')")
        .message("labels under smbcopilot.dev/ and pod-security.kubernetes.io/, and app.kubernetes.io/managed-by, are the operator's: leave them out"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations to put on it, at most 32.
    #[schemars(extend("maxProperties" = 32))]
    #[x_kube(validation = Rule::new("!self.exists(k, k.startsWith('smbcopilot.dev/'))")
        .message("annotations under smbcopilot.dev/ are the operator's: leave them out"))]
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// What this tenant's runs may reach.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantNetwork {
    /// Narrows the plan's egress; extends it where the plan says `tenantsMayExtend`. At most 32. Absent = the plan's.
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "atomic"))]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub egress: Vec<EgressEntry>,
}

/// What becomes of running runs when the tenant is suspended. Default: Drain.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnSuspend {
    /// They run to their end.
    #[default]
    Drain,
    /// They are cancelled.
    Cancel,
}

/// What becomes of the data when the Tenant is deleted. Default: Retain.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeletionPolicy {
    /// All stays.
    #[default]
    Retain,
    /// All is purged when the retention has passed.
    Delete,
}

/// How long an archived tenant's data stays.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct TenantRetention {
    /// From archiving to purging, where `deletionPolicy` is Delete. Default: 30d.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_for: Option<Duration>,
}
