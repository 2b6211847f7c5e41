//! Filters of lists (RFC 7644, section 3.4.2.2). Identity providers search by equality; other operators would need an index each.

use std::borrow::Cow;

use domain::identity::Email;
use scim_v2::filter::{AttrExp, AttrPath, CompValue, CompareOp, Filter, ValFilter, ValuePath};

use super::problem::invalid;
use crate::{
    app::{groups, users::name_key},
    problem::Problem,
    store::users::Selection,
};

/// Maximum length of a filter, in bytes.
const MAX_BYTES: usize = 1_024;

/// Condition of a filter.
#[derive(Debug, PartialEq)]
struct Condition {
    /// Attribute in lower case, with its sub-attribute, such as `emails.value`.
    attribute: String,
    /// Value that it must have.
    value: CompValue,
}

/// Returns the selection of users by a filter; `None` if no user can match.
///
/// # Errors
/// Returns an error if the filter is not valid or not supported.
pub(super) fn of_users(text: Option<&str>) -> Result<Option<Selection>, Problem> {
    let mut selection = Selection::default();
    let mut can_match = true;
    for Condition { attribute, value } in conditions(text)? {
        can_match &= match (attribute.as_str(), value) {
            ("username", CompValue::Str(name)) => narrow(&mut selection.user_name_key, name_key(&name)),
            ("externalid", CompValue::Str(id)) => narrow(&mut selection.external_id, id),
            ("id", CompValue::Str(id)) => id.parse().is_ok_and(|id| narrow(&mut selection.id, id)),
            ("emails" | "emails.value", CompValue::Str(email)) => Email::parse(&email)
                .is_ok_and(|email| narrow(&mut selection.email_key, email.key().to_owned())),
            // The only address of a user is its primary one, at work.
            ("emails.type", CompValue::Str(kind)) => kind.eq_ignore_ascii_case("work"),
            ("emails.primary", value) => boolean(&value, &attribute)?,
            ("active", value) => {
                let is_active = boolean(&value, &attribute)?;
                narrow(&mut selection.is_active, is_active)
            }
            _ => {
                return Err(unsupported(format!(
                    "{attribute} cannot be compared like this; userName, externalId, id, emails and active can"
                )));
            }
        };
    }
    Ok(can_match.then_some(selection))
}

/// Returns the selection of groups by a filter; `None` if no group can match.
///
/// # Errors
/// Returns an error if the filter is not valid or not supported.
pub(super) fn of_groups(text: Option<&str>) -> Result<Option<groups::Selection>, Problem> {
    let mut selection = groups::Selection::default();
    let mut can_match = true;
    for Condition { attribute, value } in conditions(text)? {
        can_match &= match (attribute.as_str(), value) {
            ("displayname", CompValue::Str(name)) => narrow(&mut selection.name, name),
            ("externalid", CompValue::Str(id)) => narrow(&mut selection.external_id, id),
            ("id", CompValue::Str(id)) => narrow(&mut selection.id, id),
            ("members" | "members.value", CompValue::Str(id)) => {
                id.parse().is_ok_and(|id| narrow(&mut selection.member, id))
            }
            _ => {
                return Err(unsupported(format!(
                    "{attribute} cannot be compared like this; displayName, externalId, id and members can"
                )));
            }
        };
    }
    Ok(can_match.then_some(selection))
}

/// Sets a condition. Returns false if there is another one already, so that nothing can match both.
fn narrow<T: PartialEq>(condition: &mut Option<T>, value: T) -> bool {
    match condition {
        Some(other) => *other == value,
        None => {
            *condition = Some(value);
            true
        }
    }
}

fn conditions(text: Option<&str>) -> Result<Vec<Condition>, Problem> {
    let Some(text) = text else { return Ok(Vec::new()) };
    if text.len() > MAX_BYTES {
        return Err(unsupported(format!("it has more than {MAX_BYTES} bytes")));
    }
    let filter = parse(text)?;
    let mut conditions = Vec::new();
    collect(filter, &mut conditions)?;
    Ok(conditions)
}

fn parse(text: &str) -> Result<Filter, Problem> {
    let parsed = text.parse::<Filter>().or_else(|error| match with_value_inside(text) {
        Cow::Borrowed(_) => Err(error),
        Cow::Owned(text) => text.parse::<Filter>(),
    });
    parsed.map_err(|error| unsupported(error.to_string()))
}

/// Rewrites `emails[type eq "work"].value eq "…"`, which some identity providers send, into `emails[type eq "work" and value eq "…"]`.
fn with_value_inside(text: &str) -> Cow<'_, str> {
    let rewritten = || {
        let (path, comparison) = text.split_once("].value ")?;
        let (operator, rest) = comparison.trim_start().split_once(' ')?;
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<String>();
        values.next()?.ok()?;
        let (value, rest) = rest.split_at_checked(values.byte_offset())?;
        Some(format!("{path} and value {operator} {value}]{rest}"))
    };
    rewritten().map_or(Cow::Borrowed(text), Cow::Owned)
}

fn collect(filter: Filter, conditions: &mut Vec<Condition>) -> Result<(), Problem> {
    match filter {
        Filter::Attr(expression) => conditions.push(condition(None, expression)?),
        Filter::ValuePath(ValuePath { attr, filter }) => collect_values(&attr, *filter, conditions)?,
        Filter::And(operands) => {
            for operand in operands {
                collect(operand, conditions)?;
            }
        }
        Filter::Or(_) | Filter::Not(_) => return Err(unsupported("only eq and and are supported")),
    }
    Ok(())
}

fn collect_values(
    attr: &AttrPath,
    filter: ValFilter,
    conditions: &mut Vec<Condition>,
) -> Result<(), Problem> {
    match filter {
        ValFilter::Attr(expression) => conditions.push(condition(Some(attr), expression)?),
        ValFilter::And(operands) => {
            for operand in operands {
                collect_values(attr, operand, conditions)?;
            }
        }
        ValFilter::Or(_) | ValFilter::Not(_) => return Err(unsupported("only eq and and are supported")),
    }
    Ok(())
}

fn condition(parent: Option<&AttrPath>, expression: AttrExp) -> Result<Condition, Problem> {
    let AttrExp::Comparison(path, CompareOp::Eq, value) = expression else {
        return Err(unsupported("only eq and and are supported"));
    };
    let parts = parent.map(|parent| &parent.name).into_iter().chain([&path.name]).chain(&path.sub_attr);
    let attribute = parts.map(|part| part.to_ascii_lowercase()).collect::<Vec<_>>().join(".");
    Ok(Condition { attribute, value })
}

/// Reads a truth value, which some identity providers write as a text.
fn boolean(value: &CompValue, attribute: &str) -> Result<bool, Problem> {
    match value {
        CompValue::True => Ok(true),
        CompValue::False => Ok(false),
        CompValue::Str(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        CompValue::Str(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(unsupported(format!("{attribute} is compared with true or false"))),
    }
}

fn unsupported(message: impl Into<String>) -> Problem {
    invalid("invalidFilter", "/filter", message)
}
