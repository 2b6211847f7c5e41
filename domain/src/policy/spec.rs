//! Policies as tenants write them and as they are stored.

use serde::{Deserialize, Serialize};

/// Effect of a policy that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Effect {
    /// The actions are allowed.
    Allow,
    /// The actions are denied, whatever else allows them.
    Deny,
}

impl Effect {
    /// Returns the value in requests and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "ALLOW",
            Self::Deny => "DENY",
        }
    }
}

/// Policy as a tenant writes it, without its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicySpec {
    /// Effect of the policy.
    pub effect: Effect,
    /// Nodes of the permission tree, such as `workflow.run.create`, `workflow.run` or `workflow.*`; `*` is all of them.
    pub actions: Vec<String>,
    /// Resources that the policy concerns. It concerns all resources if the list is empty, and otherwise those that one of
    /// the selectors selects.
    #[serde(default)]
    pub resources: Vec<Selector>,
    /// Conditions, which must all be true.
    #[serde(default)]
    pub conditions: Vec<ConditionSpec>,
}

/// Selector of resources.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub enum Selector {
    /// The workflow with a name, and its runs.
    WorkflowName {
        /// Name of the workflow.
        name: String,
    },
    /// Workflows with a label, and their runs.
    WorkflowLabel {
        /// Key of the label.
        key: String,
        /// Value of the label.
        value: String,
    },
    /// Documents with a tag, and their chunks.
    DocumentTag {
        /// Tag.
        tag: String,
    },
}

/// Condition of a policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum ConditionSpec {
    /// The principal requested the run, or uploaded the document.
    OwnerIsPrincipal {},
    /// The workflow has a label with one of these values.
    LabelIn {
        /// Key of the label.
        key: String,
        /// Values.
        values: Vec<String>,
    },
    /// The document has one of these tags.
    TagIn {
        /// Tags.
        values: Vec<String>,
    },
    /// The address of the client is in one of these ranges, such as `192.0.2.0/24`.
    IpIn {
        /// Ranges of addresses in CIDR notation, or single addresses.
        ranges: Vec<String>,
    },
    /// The time of day is at or after `from` and before `to`. If `to` is not after `from`, the range includes midnight.
    TimeBetween {
        /// Beginning, as `HH:MM`.
        from: String,
        /// End, as `HH:MM`.
        to: String,
        /// Time zone of the IANA database, such as `Europe/Berlin`; `UTC` by default.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
    },
    /// The principal has logged in with several factors.
    Mfa {},
}
