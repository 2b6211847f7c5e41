//! Bodies of PATCH (RFC 7644, section 3.5.2), also in the forms that Entra ID and Okta send.

use scim_v2::filter::{AttrExp, AttrPath, CompValue, CompareOp, PatchPath, PatchValuePath, ValFilter};
use serde::Deserialize;
use serde_json::Value;

use super::{body::Object, problem::invalid};
use crate::problem::Problem;

/// Maximum number of operations of a request.
const MAX_OPERATIONS: usize = 250;
/// Maximum length of a path, in bytes.
const MAX_PATH_BYTES: usize = 512;

/// Body of a PATCH. Other fields are ignored.
#[derive(Deserialize)]
pub(super) struct PatchBody {
    #[serde(rename = "Operations", alias = "operations")]
    operations: Vec<RawOperation>,
}

#[derive(Deserialize)]
struct RawOperation {
    op: String,
    path: Option<String>,
    #[serde(default)]
    value: Value,
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Adds values to those that exist.
    Add,
    /// Replaces the values.
    Replace,
    /// Removes values.
    Remove,
}

/// Operation on one attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Operation {
    pub(super) verb: Verb,
    pub(super) target: Target,
    /// Value; null if there is none.
    pub(super) value: Value,
}

/// Attribute that an operation changes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Target {
    /// Name in lower case.
    pub(super) attribute: String,
    /// Name of the sub-attribute in lower case.
    pub(super) sub_attribute: Option<String>,
    /// Condition on the values; all if `None`.
    pub(super) filter: Option<ValFilter>,
}

impl PatchBody {
    /// Returns the operations, each on one attribute: one without a path has an object with several.
    ///
    /// # Errors
    /// Returns an error if an operation is not valid.
    pub(super) fn operations(self) -> Result<Vec<Operation>, Problem> {
        if self.operations.len() > MAX_OPERATIONS {
            let message =
                format!("has {} operations; at most {MAX_OPERATIONS} are allowed", self.operations.len());
            return Err(invalid("tooMany", "/Operations", message));
        }
        let mut operations = Vec::new();
        for RawOperation { op, path, value } in self.operations {
            let verb = verb(&op)?;
            match path.filter(|path| !path.trim().is_empty()) {
                Some(path) => operations.push(Operation { verb, target: target(&path)?, value }),
                None => operations.extend(without_path(verb, value)?),
            }
        }
        Ok(operations)
    }
}

/// Returns the operations of one without a path: one for each attribute of the value.
fn without_path(verb: Verb, value: Value) -> Result<Vec<Operation>, Problem> {
    let Value::Object(attributes) = value else {
        let scim_type = if verb == Verb::Remove { "noTarget" } else { "invalidValue" };
        return Err(invalid(
            scim_type,
            "/Operations",
            "an operation without a path has an object as its value",
        ));
    };
    if verb == Verb::Remove {
        return Err(invalid("noTarget", "/Operations", "remove needs a path"));
    }
    Ok(of_object(verb, attributes))
}

/// Returns the operations for the attributes of an object. A name that no attribute can have is ignored, like other unknown ones.
pub(super) fn of_object(verb: Verb, attributes: Object) -> Vec<Operation> {
    let operation = |(name, value): (String, Value)| {
        // The schema of an extension has an object with its attributes, of which none is known.
        let is_extension = name.to_ascii_lowercase().starts_with("urn:") && value.is_object();
        let target = target(&name).ok().filter(|_| !is_extension)?;
        Some(Operation { verb, target, value })
    };
    attributes.into_iter().filter_map(operation).collect()
}

fn verb(op: &str) -> Result<Verb, Problem> {
    let verbs = [("add", Verb::Add), ("replace", Verb::Replace), ("remove", Verb::Remove)];
    let found = verbs.into_iter().find(|(name, _)| op.eq_ignore_ascii_case(name));
    let message = "must be add, replace or remove";
    found.map(|(_, verb)| verb).ok_or_else(|| invalid("invalidSyntax", "/Operations/op", message))
}

fn target(path: &str) -> Result<Target, Problem> {
    let refused = |message: String| invalid("invalidPath", "/Operations/path", message);
    if path.len() > MAX_PATH_BYTES {
        return Err(refused(format!("must have at most {MAX_PATH_BYTES} bytes")));
    }
    let parsed = path.trim().parse::<PatchPath>().map_err(|error| refused(error.to_string()))?;
    let (AttrPath { uri, name, sub_attr }, sub_attribute, filter) = match parsed {
        PatchPath::Attr(path) => (path, None, None),
        PatchPath::Value(PatchValuePath { attr, filter, sub_attr }) => (attr, sub_attr, Some(filter)),
    };
    let is_core =
        uri.is_none_or(|uri| uri.to_ascii_lowercase().starts_with("urn:ietf:params:scim:schemas:core:2.0:"));
    let lower = |name: String| name.to_ascii_lowercase();
    Ok(Target {
        // An attribute of an extension is not that of the same name.
        attribute: if is_core { lower(name) } else { String::new() },
        sub_attribute: sub_attribute.or(sub_attr).map(lower),
        filter,
    })
}

/// Returns the values with which a filter compares the sub-attribute `value`, if it only selects by them, as in
/// `members[value eq "…" or value eq "…"]`.
pub(super) fn selected_values(filter: &ValFilter) -> Option<Vec<String>> {
    match filter {
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, CompValue::Str(value)))
            if path.name.eq_ignore_ascii_case("value") =>
        {
            Some(vec![value.clone()])
        }
        ValFilter::Or(operands) => {
            let values = operands.iter().map(selected_values).collect::<Option<Vec<_>>>()?;
            Some(values.concat())
        }
        _ => None,
    }
}

/// Returns whether a filter selects the only address of a user, which is its primary one, at work.
pub(super) fn selects_address(filter: &ValFilter) -> bool {
    match filter {
        ValFilter::Attr(AttrExp::Comparison(path, CompareOp::Eq, value)) => {
            let text = match value {
                CompValue::Str(text) => text.to_ascii_lowercase(),
                value => value.to_string(),
            };
            match path.name.to_ascii_lowercase().as_str() {
                "type" => text == "work",
                "primary" => text == "true",
                _ => false,
            }
        }
        ValFilter::And(operands) => operands.iter().all(selects_address),
        ValFilter::Or(operands) => operands.iter().any(selects_address),
        ValFilter::Attr(_) | ValFilter::Not(_) => false,
    }
}
