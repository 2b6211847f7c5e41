//! The attributes of a user in requests.

use serde_json::Value;

use super::{
    body::{Object, boolean, field, required_text, text},
    patch::{Operation, Target, Verb, of_object, selects_address},
    problem::invalid,
};
use crate::{app::users::Provision, problem::Problem};

/// Returns the attributes of a user that a client creates or replaces: those that it does not send are removed.
///
/// # Errors
/// Returns an error if an attribute has a wrong type.
pub(super) fn of_resource(resource: Object) -> Result<Provision, Problem> {
    let mut provision = Provision {
        external_id: Some(None),
        display_name: Some(None),
        given_name: Some(None),
        family_name: Some(None),
        active: Some(true),
        ..Provision::default()
    };
    let is_named = field(&resource, "displayname").is_some();
    let formatted =
        field(&resource, "name").and_then(Value::as_object).and_then(|name| field(name, "formatted"));
    let formatted = formatted.cloned();
    for operation in of_object(Verb::Replace, resource) {
        // A null in a resource is an attribute that is absent.
        if !operation.value.is_null() {
            set(&mut provision, operation)?;
        }
    }
    if !is_named {
        let formatted = formatted.map(|name| text(&name, "/name/formatted")).transpose()?.flatten();
        let given = provision.given_name.iter().flatten().chain(provision.family_name.iter().flatten());
        let joined = given.map(String::as_str).collect::<Vec<_>>().join(" ");
        provision.display_name = Some(formatted.or(Some(joined).filter(|name| !name.is_empty())));
    }
    if provision.user_name.is_none() {
        return Err(invalid("invalidValue", "/userName", "is required"));
    }
    Ok(provision)
}

/// Returns the attributes that the operations of a PATCH set.
///
/// # Errors
/// Returns an error if an operation is not valid.
pub(super) fn of_patch(operations: Vec<Operation>) -> Result<Provision, Problem> {
    let mut provision = Provision::default();
    for operation in operations {
        set(&mut provision, operation)?;
    }
    Ok(provision)
}

fn set(provision: &mut Provision, operation: Operation) -> Result<(), Problem> {
    let Operation { verb, target: Target { attribute, sub_attribute, filter }, value } = operation;
    let value = if verb == Verb::Remove { Value::Null } else { value };
    match (attribute.as_str(), sub_attribute.as_deref()) {
        ("username", None) => provision.user_name = Some(required_text(&value, "/userName")?),
        ("externalid", None) => provision.external_id = Some(text(&value, "/externalId")?),
        ("displayname", None) => provision.display_name = Some(text(&value, "/displayName")?),
        ("active", None) if verb == Verb::Remove => {
            return Err(invalid("mutability", "/active", "a user is active or not: replace the value"));
        }
        ("active", None) => provision.active = Some(boolean(&value, "/active")?),
        ("name", None) => set_name(provision, value)?,
        ("name", Some("givenname")) => provision.given_name = Some(text(&value, "/name/givenName")?),
        ("name", Some("familyname")) => provision.family_name = Some(text(&value, "/name/familyName")?),
        // The full name has an attribute of its own, which matters if both are sent.
        ("name", Some("formatted")) if provision.display_name.is_none() => {
            provision.display_name = Some(text(&value, "/name/formatted")?);
        }
        ("emails", None | Some("value")) => {
            if filter.as_ref().is_none_or(selects_address)
                && let Some(email) = address(&value)?
            {
                provision.email = Some(email);
            } else if filter.as_ref().is_none_or(selects_address) && verb == Verb::Remove {
                return Err(invalid("mutability", "/emails", "the address of a user cannot be removed"));
            }
        }
        _ => {}
    }
    Ok(())
}

fn set_name(provision: &mut Provision, value: Value) -> Result<(), Problem> {
    match value {
        Value::Null => {
            provision.given_name = Some(None);
            provision.family_name = Some(None);
            // The full name is a part of the name, and matters less than an attribute of its own.
            provision.display_name.get_or_insert(None);
            Ok(())
        }
        Value::Object(name) => {
            for (sub_attribute, value) in name {
                let target = Target {
                    attribute: "name".to_owned(),
                    sub_attribute: Some(sub_attribute.to_ascii_lowercase()),
                    filter: None,
                };
                set(provision, Operation { verb: Verb::Replace, target, value })?;
            }
            Ok(())
        }
        _ => Err(invalid("invalidValue", "/name", "must be an object")),
    }
}

/// Returns the address of a user: the primary one, or else the one at work, or else the first.
fn address(value: &Value) -> Result<Option<String>, Problem> {
    let of_object = |email: &Value| match email.as_object() {
        Some(email) => field(email, "value").map_or(Ok(None), |value| text(value, "/emails/value")),
        None => text(email, "/emails"),
    };
    let Value::Array(emails) = value else { return of_object(value) };
    let has = |email: &&Value, name: &str, expected: &str| {
        let value = email.as_object().and_then(|email| field(email, name));
        value.is_some_and(|value| match value {
            Value::String(text) => text.eq_ignore_ascii_case(expected),
            Value::Bool(value) => value.to_string().as_str() == expected,
            _ => false,
        })
    };
    let primary = emails.iter().find(|email| has(email, "primary", "true"));
    let at_work = || emails.iter().find(|email| has(email, "type", "work"));
    primary.or_else(at_work).or_else(|| emails.first()).map_or(Ok(None), of_object)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::scim::patch::PatchBody;

    fn patched(operations: &Value) -> Result<Provision, String> {
        let body: PatchBody = serde_json::from_value(json!({"Operations": operations})).unwrap();
        let message =
            |problem: Problem| problem.errors.first().map(|error| error.code.clone()).unwrap_or_default();
        body.operations().and_then(of_patch).map_err(message)
    }

    fn some(text: &str) -> Option<Option<String>> {
        Some(Some(text.to_owned()))
    }

    /// The forms of operations that identity providers send mean the same as those of the RFC.
    #[test]
    fn the_forms_of_identity_providers_are_understood() {
        let inactive = Provision { active: Some(false), ..Provision::default() };
        for operations in [
            json!([{"op": "replace", "value": {"active": false}}]),
            json!([{"op": "Replace", "path": "active", "value": "False"}]),
            json!([{"op": "Add", "path": "active", "value": false}]),
            json!([{"op": "replace", "path": "urn:ietf:params:scim:schemas:core:2.0:User:active", "value": false}]),
        ] {
            assert_eq!(patched(&operations), Ok(inactive.clone()), "{operations}");
        }
        let changed = patched(&json!([
            {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "anna@acme.example"},
            {"op": "Add", "path": "name.familyName", "value": "Berg"},
            {"op": "Replace", "value": {"name.givenName": "Anna", "displayName": "Anna Berg",
              "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department": "Sales"}},
            {"op": "Add", "path": "phoneNumbers[type eq \"work\"].value", "value": "1"},
            {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"},
            {"op": "Remove", "path": "externalId"},
        ]));
        let expected = Provision {
            email: Some("anna@acme.example".to_owned()),
            external_id: Some(None),
            display_name: some("Anna Berg"),
            given_name: some("Anna"),
            family_name: some("Berg"),
            ..Provision::default()
        };
        assert_eq!(changed, Ok(expected));
        let unnamed = Provision {
            display_name: Some(None),
            given_name: Some(None),
            family_name: Some(None),
            ..Provision::default()
        };
        assert_eq!(patched(&json!([{"op": "remove", "path": "name"}])), Ok(unnamed));
        assert_eq!(
            patched(&json!([{"op": "add", "path": "emails[type eq \"home\"].value", "value": "x"}])),
            Ok(Provision::default())
        );
    }

    /// Operations that mean nothing are refused with the type of the error.
    #[test]
    fn operations_that_are_not_valid_are_refused() {
        for (operation, expected) in [
            (json!({"op": "move", "path": "active"}), "invalidSyntax"),
            (json!({"op": "remove"}), "noTarget"),
            (json!({"op": "replace", "value": 1}), "invalidValue"),
            (json!({"op": "replace", "path": "emails[", "value": "x"}), "invalidPath"),
            (json!({"op": "replace", "path": "a".repeat(600), "value": "x"}), "invalidPath"),
            (json!({"op": "replace", "path": "active", "value": "no"}), "invalidValue"),
            (json!({"op": "remove", "path": "userName"}), "invalidValue"),
            (json!({"op": "remove", "path": "emails"}), "mutability"),
            (json!({"op": "remove", "path": "active"}), "mutability"),
        ] {
            assert_eq!(patched(&json!([operation.clone()])), Err(expected.to_owned()), "{operation}");
        }
        let many = vec![json!({"op": "add", "path": "active", "value": true}); 251];
        assert_eq!(patched(&json!(many)), Err("tooMany".to_owned()));
    }
}
