//! The parts of a policy in JSON: its effect, the selectors of its resources, and its conditions.

use domain::policy;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Effect of a policy that applies. Denials take precedence over allowances.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::http) enum Effect {
    /// The actions are allowed.
    Allow,
    /// The actions are denied.
    Deny,
}

/// Selector of resources.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
pub(in crate::http) enum ResourceSelector {
    /// The workflow with a name, and its runs.
    WorkflowName {
        /// Name of the workflow.
        #[schema(example = "invoice-intake")]
        name: String,
    },
    /// Workflows with a label, and their runs.
    WorkflowLabel {
        /// Key of the label.
        #[schema(example = "team")]
        key: String,
        /// Value of the label.
        #[schema(example = "finance")]
        value: String,
    },
    /// Documents with a tag, and their chunks.
    DocumentTag {
        /// Tag of the document.
        #[schema(example = "contracts")]
        tag: String,
    },
}

/// Condition of a policy.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(
    tag = "type",
    rename_all = "SCREAMING_SNAKE_CASE",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(in crate::http) enum PolicyCondition {
    /// The caller has requested the run, or uploaded the document.
    OwnerIsPrincipal {},
    /// The workflow has a label with one of these values.
    LabelIn {
        /// Key of the label.
        #[schema(example = "team")]
        key: String,
        /// Values; 1 to 50.
        values: Vec<String>,
    },
    /// The document has one of these tags.
    TagIn {
        /// Tags; 1 to 50.
        values: Vec<String>,
    },
    /// The address of the client is in one of these ranges.
    IpIn {
        /// Ranges such as `192.0.2.0/24`, or addresses; 1 to 50.
        #[schema(example = json!(["192.0.2.0/24"]))]
        ranges: Vec<String>,
    },
    /// The time of day is at or after `from` and before `to`. If `to` is not after `from`, the range includes midnight.
    TimeBetween {
        /// Beginning, as `HH:MM`.
        #[schema(example = "08:00")]
        from: String,
        /// End, as `HH:MM`.
        #[schema(example = "18:00")]
        to: String,
        /// Time zone of the IANA database. Default: `UTC`.
        #[schema(example = "Europe/Berlin")]
        #[serde(default, skip_serializing_if = "Option::is_none")]
        time_zone: Option<String>,
    },
    /// The caller has logged in with several factors: the claim `amr` of its token has `mfa`.
    Mfa {},
}

impl From<Effect> for policy::Effect {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::Allow => Self::Allow,
            Effect::Deny => Self::Deny,
        }
    }
}

impl From<policy::Effect> for Effect {
    fn from(effect: policy::Effect) -> Self {
        match effect {
            policy::Effect::Allow => Self::Allow,
            policy::Effect::Deny => Self::Deny,
        }
    }
}

impl From<ResourceSelector> for policy::Selector {
    fn from(selector: ResourceSelector) -> Self {
        match selector {
            ResourceSelector::WorkflowName { name } => Self::WorkflowName { name },
            ResourceSelector::WorkflowLabel { key, value } => Self::WorkflowLabel { key, value },
            ResourceSelector::DocumentTag { tag } => Self::DocumentTag { tag },
        }
    }
}

impl From<policy::Selector> for ResourceSelector {
    fn from(selector: policy::Selector) -> Self {
        match selector {
            policy::Selector::WorkflowName { name } => Self::WorkflowName { name },
            policy::Selector::WorkflowLabel { key, value } => Self::WorkflowLabel { key, value },
            policy::Selector::DocumentTag { tag } => Self::DocumentTag { tag },
        }
    }
}

impl From<PolicyCondition> for policy::ConditionSpec {
    fn from(condition: PolicyCondition) -> Self {
        match condition {
            PolicyCondition::OwnerIsPrincipal {} => Self::OwnerIsPrincipal {},
            PolicyCondition::LabelIn { key, values } => Self::LabelIn { key, values },
            PolicyCondition::TagIn { values } => Self::TagIn { values },
            PolicyCondition::IpIn { ranges } => Self::IpIn { ranges },
            PolicyCondition::TimeBetween { from, to, time_zone } => Self::TimeBetween { from, to, time_zone },
            PolicyCondition::Mfa {} => Self::Mfa {},
        }
    }
}

impl From<policy::ConditionSpec> for PolicyCondition {
    fn from(condition: policy::ConditionSpec) -> Self {
        match condition {
            policy::ConditionSpec::OwnerIsPrincipal {} => Self::OwnerIsPrincipal {},
            policy::ConditionSpec::LabelIn { key, values } => Self::LabelIn { key, values },
            policy::ConditionSpec::TagIn { values } => Self::TagIn { values },
            policy::ConditionSpec::IpIn { ranges } => Self::IpIn { ranges },
            policy::ConditionSpec::TimeBetween { from, to, time_zone } => {
                Self::TimeBetween { from, to, time_zone }
            }
            policy::ConditionSpec::Mfa {} => Self::Mfa {},
        }
    }
}

/// Converts the items of a list.
pub(in crate::http::v1) fn converted<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}
