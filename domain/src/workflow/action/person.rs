//! Steps that wait: for a person or for a time.

use std::time::Duration;

use crds::constants::MAX_WAIT_SECONDS;
use crds::workflow::{ApprovalAction, OnTimeout, WaitAction};
use serde_json::Value;

use crate::expr::Program;
use crate::schema::Schema;
use crate::template::Template;
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

/// How long an approval waits, where it does not say.
const DEFAULT_APPROVAL_TIMEOUT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Who may decide, where it does not say.
const DEFAULT_ROLE: &str = "admin";
/// The roles that there are.
const ROLES: &[&str] = &["admin", "builder", "operator", "viewer"];
/// The longest wait.
const MAX_WAIT: Duration = Duration::from_secs(MAX_WAIT_SECONDS);

/// A wait for a person's decision.
#[derive(Clone, Debug)]
pub struct Approval {
    /// Who may decide; never empty.
    pub roles: Vec<String>,
    /// How long it waits.
    pub timeout: Duration,
    /// What becomes of it then.
    pub on_timeout: OnTimeout,
    pub(crate) message: Template,
    /// Of the decision's input.
    pub(crate) schema: Option<Schema>,
}

/// A wait for a time.
#[derive(Clone, Debug)]
pub enum Wait {
    /// For so long.
    For(Duration),
    /// Until the time that the expression gives.
    Until(Box<Program>),
}

impl Approval {
    /// Checks what is filled in with a decision against the approval's schema.
    ///
    /// # Errors
    /// The violations, by JSON pointer.
    pub fn check(&self, input: &Value) -> Result<(), Vec<crate::schema::Violation>> {
        self.schema.as_ref().map_or(Ok(()), |schema| schema.check(input))
    }
}

pub(super) fn parse_approval(
    path: &str,
    spec: &ApprovalAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Approval> {
    let ApprovalAction { message, schema, roles, timeout, on_timeout } = spec;
    for (index, role) in roles.iter().enumerate().filter(|(_, role)| !ROLES.contains(&role.as_str())) {
        let message = format!("there is no role {role}, only {}", ROLES.join(", "));
        problems.add(format!("{path}.roles[{index}]"), "UnknownRole", message);
    }
    let schema = schema.as_ref().map(|schema| problems.schema(&format!("{path}.schema"), schema));
    let timeout = problems.duration(&format!("{path}.timeout"), timeout.as_ref());
    let timeout = timeout.unwrap_or(DEFAULT_APPROVAL_TIMEOUT);
    bound(&format!("{path}.timeout"), timeout, problems);
    let message = problems.template(&format!("{path}.message"), &Value::String(message.clone()), scope);
    Some(Approval {
        roles: if roles.is_empty() { vec![DEFAULT_ROLE.to_owned()] } else { roles.clone() },
        timeout,
        on_timeout: on_timeout.unwrap_or_default(),
        message: message?,
        schema: match schema {
            None => None,
            Some(read) => Some(read?),
        },
    })
}

pub(super) fn parse_wait(
    path: &str,
    spec: &WaitAction,
    scope: &Scope<'_>,
    problems: &mut Problems,
) -> Option<Wait> {
    match (&spec.duration, &spec.until) {
        (Some(duration), None) => {
            let path = format!("{path}.for");
            let duration = problems.duration(&path, Some(duration))?;
            bound(&path, duration, problems);
            Some(Wait::For(duration))
        }
        (None, Some(until)) => problems
            .program(&format!("{path}.until"), until, scope)
            .map(|program| Wait::Until(Box::new(program))),
        _ => {
            problems.add(path, "WaitInvalid", "give exactly one of for and until");
            None
        }
    }
}

fn bound(path: &str, duration: Duration, problems: &mut Problems) {
    if duration > MAX_WAIT {
        let days = MAX_WAIT_SECONDS / 86_400;
        problems.add(path, "WaitTooLong", format!("at most {days} days are allowed"));
    }
}
