//! The parts of a policy: its effect, the selectors of its resources, and its conditions. They have the fields that they have in REST.

use async_graphql::{Enum, InputObject, SimpleObject};
use domain::policy::{ConditionSpec, Effect, Selector};
use serde::{Serialize, de::DeserializeOwned};

use crate::app::Violation;

/// Effect of a policy that applies. Denials take precedence over allowances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
#[graphql(remote = "Effect")]
pub(in crate::graphql) enum PolicyEffect {
    /// The actions are allowed.
    Allow,
    /// The actions are denied.
    Deny,
}

/// Kind of a selector of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::graphql) enum ResourceSelectorKind {
    /// The workflow with the name `name`, and its runs.
    WorkflowName,
    /// Workflows whose label `key` has the value `value`, and their runs.
    WorkflowLabel,
    /// Documents with the tag `tag`, and their chunks.
    DocumentTag,
}

/// Selector of resources. It has the fields that its kind names.
#[derive(Clone, Debug, SimpleObject, InputObject, Serialize)]
#[graphql(input_name = "ResourceSelectorInput")]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct ResourceSelector {
    /// Kind of the selector.
    kind: ResourceSelectorKind,
    /// Name of the workflow.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Key of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Value of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    /// Tag of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
}

/// Type of a condition of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in crate::graphql) enum PolicyConditionType {
    /// The caller has requested the run, or uploaded the document.
    OwnerIsPrincipal,
    /// The label `key` of the workflow has one of `values`.
    LabelIn,
    /// The document has one of the tags `values`.
    TagIn,
    /// The address of the client is in one of `ranges`.
    IpIn,
    /// The time of day is at or after `from` and before `to`, in `timeZone`. If `to` is not after `from`, the range includes midnight.
    TimeBetween,
    /// The caller has logged in with several factors: the claim `amr` of its token has `mfa`.
    Mfa,
}

/// Condition of a policy. It has the fields that its type names.
#[derive(Clone, Debug, SimpleObject, InputObject, Serialize)]
#[graphql(input_name = "PolicyConditionInput")]
#[serde(rename_all = "camelCase")]
pub(in crate::graphql) struct PolicyCondition {
    /// Type of the condition.
    r#type: PolicyConditionType,
    /// Key of the label.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    /// Values of the label, or tags; 1 to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<String>>,
    /// Ranges of addresses such as `192.0.2.0/24`, or single addresses; 1 to 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranges: Option<Vec<String>>,
    /// Beginning of a time of day, as `HH:MM`.
    #[graphql(name = "from")]
    #[serde(rename = "from", skip_serializing_if = "Option::is_none")]
    begin: Option<String>,
    /// End of a time of day, as `HH:MM`.
    #[graphql(name = "to")]
    #[serde(rename = "to", skip_serializing_if = "Option::is_none")]
    end: Option<String>,
    /// Time zone of the IANA database, such as `Europe/Berlin`. Default: `UTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    time_zone: Option<String>,
}

impl From<Selector> for ResourceSelector {
    fn from(selector: Selector) -> Self {
        let empty = |kind| Self { kind, name: None, key: None, value: None, tag: None };
        match selector {
            Selector::WorkflowName { name } => {
                Self { name: Some(name), ..empty(ResourceSelectorKind::WorkflowName) }
            }
            Selector::WorkflowLabel { key, value } => {
                Self { key: Some(key), value: Some(value), ..empty(ResourceSelectorKind::WorkflowLabel) }
            }
            Selector::DocumentTag { tag } => {
                Self { tag: Some(tag), ..empty(ResourceSelectorKind::DocumentTag) }
            }
        }
    }
}

impl From<ConditionSpec> for PolicyCondition {
    fn from(condition: ConditionSpec) -> Self {
        let empty = |r#type| Self {
            r#type,
            key: None,
            values: None,
            ranges: None,
            begin: None,
            end: None,
            time_zone: None,
        };
        match condition {
            ConditionSpec::OwnerIsPrincipal {} => empty(PolicyConditionType::OwnerIsPrincipal),
            ConditionSpec::LabelIn { key, values } => {
                Self { key: Some(key), values: Some(values), ..empty(PolicyConditionType::LabelIn) }
            }
            ConditionSpec::TagIn { values } => {
                Self { values: Some(values), ..empty(PolicyConditionType::TagIn) }
            }
            ConditionSpec::IpIn { ranges } => {
                Self { ranges: Some(ranges), ..empty(PolicyConditionType::IpIn) }
            }
            ConditionSpec::TimeBetween { from, to, time_zone } => Self {
                begin: Some(from),
                end: Some(to),
                time_zone,
                ..empty(PolicyConditionType::TimeBetween)
            },
            ConditionSpec::Mfa {} => empty(PolicyConditionType::Mfa),
        }
    }
}

/// Returns the selectors or the conditions of an input.
///
/// # Errors
/// Returns an error for each of them that lacks a field or has one of another kind. `pointer` is that of the list.
pub(in crate::graphql) fn parsed<T: DeserializeOwned>(
    pointer: &str,
    parts: Vec<impl Serialize>,
) -> Result<Vec<T>, Vec<Violation>> {
    let (mut valid, mut violations) = (Vec::new(), Vec::new());
    for (index, part) in parts.into_iter().enumerate() {
        match serde_json::to_value(part).and_then(serde_json::from_value) {
            Ok(part) => valid.push(part),
            Err(error) => violations.push(Violation {
                pointer: format!("{pointer}/{index}"),
                code: "invalid".to_owned(),
                message: error.to_string(),
            }),
        }
    }
    if violations.is_empty() { Ok(valid) } else { Err(violations) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every selector and every condition is the same after it was written and read, in the form that REST has.
    #[test]
    fn rules_have_the_form_of_rest() {
        for selector in [
            json!({"kind": "WORKFLOW_NAME", "name": "invoice"}),
            json!({"kind": "WORKFLOW_LABEL", "key": "team", "value": "finance"}),
            json!({"kind": "DOCUMENT_TAG", "tag": "contracts"}),
        ] {
            let read = ResourceSelector::from(serde_json::from_value::<Selector>(selector.clone()).unwrap());
            assert_eq!(json!(read), selector);
            assert_eq!(json!(parsed::<Selector>("", vec![read]).unwrap()), json!([selector]));
        }
        for condition in [
            json!({"type": "OWNER_IS_PRINCIPAL"}),
            json!({"type": "LABEL_IN", "key": "team", "values": ["finance"]}),
            json!({"type": "TAG_IN", "values": ["contracts"]}),
            json!({"type": "IP_IN", "ranges": ["192.0.2.0/24"]}),
            json!({"type": "TIME_BETWEEN", "from": "08:00", "to": "18:00", "timeZone": "Europe/Berlin"}),
            json!({"type": "MFA"}),
        ] {
            let read =
                PolicyCondition::from(serde_json::from_value::<ConditionSpec>(condition.clone()).unwrap());
            assert_eq!(json!(read), condition);
            assert_eq!(json!(parsed::<ConditionSpec>("", vec![read]).unwrap()), json!([condition]));
        }
    }

    /// A selector with a field of another kind is refused instead of being read without it.
    #[test]
    fn fields_of_another_kind_are_refused() {
        let name = Selector::WorkflowName { name: "invoice".to_owned() };
        let valid = ResourceSelector::from(name);
        let wrong = ResourceSelector { tag: Some("contracts".to_owned()), ..valid.clone() };
        let empty = ResourceSelector { name: None, ..valid.clone() };
        let violations = parsed::<Selector>("/resources", vec![valid, wrong, empty]).unwrap_err();
        let pointers: Vec<_> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
        assert_eq!(pointers, ["/resources/1", "/resources/2"], "{violations:?}");
    }
}
