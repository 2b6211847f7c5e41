//! Approval steps: a step that waits until a user approves or rejects it.

use std::time::Duration;

use crds::workflow::{ApprovalAction, OnReject, OnTimeout};
use serde_json::{Value, json};

use super::wait::check_length;
use crate::numbers;
use crate::schema::{Schema, Violation};
use crate::template::Template;
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

/// Timeout of an approval that sets none: 7 days.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Role that may decide an approval that names none.
const DEFAULT_ROLE: &str = "admin";
/// Roles that an approval may name.
const ROLES: &[&str] = &["admin", "builder", "operator", "viewer"];

/// An approval step that was parsed.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Roles whose members may decide; never empty.
    pub roles: Vec<String>,
    /// Time within which a decision must be made.
    pub timeout: Duration,
    /// Outcome of the step when no decision was made within the timeout.
    pub on_timeout: OnTimeout,
    /// Outcome of the step when the approval was rejected.
    pub on_reject: OnReject,
    pub(crate) message: Template,
    /// Schema of the input that a decision carries.
    pub(crate) schema: Option<Schema>,
}

impl Approval {
    /// Returns the input of an approval with the defaults of the form; an absent input is an empty object.
    ///
    /// # Errors
    /// Returns the violations of the form, each with its JSON pointer, or that of a number which was rounded.
    pub(crate) fn complete_input(&self, given: Option<&Value>) -> Result<Value, Vec<Violation>> {
        let given = given.cloned().unwrap_or_else(|| json!({}));
        numbers::check(&given)?;
        match &self.schema {
            Some(schema) => schema.complete(given),
            None => Ok(given),
        }
    }
}

/// Parses an approval; returns `None` if it has a problem that makes it unusable.
pub(super) fn parse(
    path: &str,
    spec: &ApprovalAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Approval> {
    let ApprovalAction { message, schema, roles, timeout, on_timeout, on_reject } = spec;
    for (index, role) in roles.iter().enumerate().filter(|(_, role)| !ROLES.contains(&role.as_str())) {
        let message = format!("unknown role {role}: use one of {}", ROLES.join(", "));
        problems.add(format!("{path}.roles[{index}]"), "UnknownRole", message);
    }
    let schema = schema.as_ref().map(|schema| problems.schema(&format!("{path}.schema"), schema));
    let timeout = problems.duration(&format!("{path}.timeout"), timeout.as_ref());
    let timeout = timeout.unwrap_or(DEFAULT_TIMEOUT);
    check_length(&format!("{path}.timeout"), timeout, problems);
    let message = problems.text_template(&format!("{path}.message"), message, scope);
    Some(Approval {
        roles: if roles.is_empty() { vec![DEFAULT_ROLE.to_owned()] } else { roles.clone() },
        timeout,
        on_timeout: on_timeout.unwrap_or_default(),
        on_reject: on_reject.unwrap_or_default(),
        message: message?,
        schema: match schema {
            None => None,
            Some(parsed) => Some(parsed?),
        },
    })
}
