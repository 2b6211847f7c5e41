//! Differences between objects and rows.

use std::fmt::{self, Display};

use serde_json::Value;

use crate::project::{Identity, Kind};

/// Maximum number of characters of a value in the output.
const MAX_VALUE_CHARS: usize = 120;

/// A difference between an object in Kubernetes and its row in Postgres.
#[derive(Clone, Debug)]
pub struct Difference {
    pub(super) identity: Identity,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    /// The object has no row.
    Missing,
    /// The row has no object.
    Extra,
    /// The object is in the quarantine.
    Quarantined(String),
    /// Columns differ.
    Fields { row_version: Option<i64>, fields: Vec<Field> },
}

/// A column that differs.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kubernetes: Value,
    pub(super) postgres: Value,
}

impl Difference {
    pub(super) fn missing(identity: &Identity) -> Self {
        Self { identity: identity.clone(), what: What::Missing }
    }

    pub(super) fn extra(identity: Identity) -> Self {
        Self { identity, what: What::Extra }
    }

    pub(super) fn quarantined(identity: &Identity, problem: String) -> Self {
        Self { identity: identity.clone(), what: What::Quarantined(problem) }
    }

    /// Returns whether the object cannot be stored.
    pub(super) fn is_quarantined(&self) -> bool {
        matches!(self.what, What::Quarantined(_))
    }

    pub(super) fn fields(identity: &Identity, row_version: Option<i64>, fields: Vec<Field>) -> Self {
        Self { identity: identity.clone(), what: What::Fields { row_version, fields } }
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity { kind, uid: _, namespace, name, resource_version } = &self.identity;
        let kind = match kind {
            Kind::Plan => "Plan",
            Kind::Tenant => "Tenant",
            Kind::Workflow => "Workflow",
            Kind::WorkflowRun => "WorkflowRun",
        };
        write!(f, "{kind} ")?;
        if let Some(namespace) = namespace {
            write!(f, "{namespace}/")?;
        }
        write!(f, "{name}: ")?;
        match &self.what {
            What::Missing => write!(f, "not in Postgres (version {resource_version} in Kubernetes)"),
            What::Extra => write!(f, "not in Kubernetes (version {resource_version} in Postgres)"),
            What::Quarantined(problem) => write!(f, "in the quarantine: {problem}"),
            What::Fields { row_version, fields } => {
                let row_version = row_version.map(|version| version.to_string());
                write!(
                    f,
                    "versions {resource_version} in Kubernetes, {} in Postgres",
                    row_version.as_deref().unwrap_or("none")
                )?;
                for Field { name, kubernetes, postgres } in fields {
                    write!(
                        f,
                        "; {name}: {} in Kubernetes, {} in Postgres",
                        shortened(kubernetes),
                        shortened(postgres)
                    )?;
                }
                Ok(())
            }
        }
    }
}

fn shortened(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_VALUE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
