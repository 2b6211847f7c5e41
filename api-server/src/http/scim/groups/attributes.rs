//! The attributes of a group in requests.

use std::collections::BTreeSet;

use scim_v2::filter::ValFilter;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::{groups::Update, users::MemberChange},
    http::scim::{
        body::{Object, field, members, required_text, text},
        patch::{Operation, Target, Verb, selected_values},
        problem::invalid,
    },
    problem::Problem,
};

/// Returns a group that a client creates or replaces: what it does not send is removed.
///
/// # Errors
/// Returns an error if an attribute has a wrong type.
pub(super) fn of_resource(resource: &Object) -> Result<Update, Problem> {
    let value = |name: &str| field(resource, name).unwrap_or(&Value::Null);
    Ok(Update {
        name: Some(required_text(value("displayname"), "/displayName")?),
        external_id: Some(text(value("externalid"), "/externalId")?),
        members: vec![MemberChange::Replace(members(value("members"))?)],
    })
}

/// Returns the changes that the operations of a PATCH make.
///
/// # Errors
/// Returns an error if an operation is not valid.
pub(super) fn of_patch(operations: Vec<Operation>) -> Result<Update, Problem> {
    let mut update = Update::default();
    for Operation { verb, target, value } in operations {
        let Target { attribute, sub_attribute, filter } = target;
        match (attribute.as_str(), sub_attribute.as_deref(), verb) {
            ("displayname", None, Verb::Add | Verb::Replace) => {
                update.name = Some(required_text(&value, "/displayName")?);
            }
            ("externalid", None, Verb::Add | Verb::Replace) => {
                update.external_id = Some(text(&value, "/externalId")?);
            }
            ("externalid", None, Verb::Remove) => update.external_id = Some(None),
            ("displayname", None, Verb::Remove) => {
                return Err(invalid("mutability", "/displayName", "the name of a group cannot be removed"));
            }
            ("members", None | Some("value"), verb) => {
                let selected = filter.as_ref().map(selected_members).transpose()?;
                update.members.push(member_change(verb, selected, &value)?);
            }
            _ => {}
        }
    }
    Ok(update)
}

/// Returns the members that a filter selects. One that is not an ID of this service is no user.
fn selected_members(filter: &ValFilter) -> Result<BTreeSet<Uuid>, Problem> {
    let values = selected_values(filter).ok_or_else(|| {
        let message = "members are selected by value eq \"…\" only";
        invalid("invalidFilter", "/Operations/path", message)
    })?;
    Ok(values.iter().filter_map(|value| value.parse().ok()).collect())
}

fn member_change(
    verb: Verb,
    selected: Option<BTreeSet<Uuid>>,
    value: &Value,
) -> Result<MemberChange, Problem> {
    match (verb, selected) {
        (Verb::Remove, Some(selected)) => Ok(MemberChange::Remove(selected)),
        (Verb::Remove, None) if value.is_null() => Ok(MemberChange::Replace(BTreeSet::new())),
        // Entra ID names the members to remove in the value.
        (Verb::Remove, None) => members(value).map(MemberChange::Remove),
        (Verb::Add, None) => members(value).map(MemberChange::Add),
        (Verb::Replace, None) => members(value).map(MemberChange::Replace),
        (Verb::Add | Verb::Replace, Some(_)) => {
            let message = "members are added and removed, and not changed";
            Err(invalid("invalidPath", "/Operations/path", message))
        }
    }
}
