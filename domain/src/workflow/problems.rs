//! Collecting what is wrong with a workflow: every problem, not only the first.

use crds::constants::MAX_VALUE_DEPTH;
use crds::nesting::is_deeper_than;
use serde_json::Value;

use crate::expr::{ParseError, Program, References};
use crate::schema::{Schema, SchemaError};
use crate::template::Template;

use super::scope::Scope;

/// One thing wrong with a workflow; goes to `status.problems`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// Where, as in `spec.steps[2].when`.
    pub path: String,
    /// What kind of problem: stable, for machines.
    pub code: &'static str,
    /// What to change, for people.
    pub message: String,
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
}

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, code: &'static str, message: impl Into<String>) {
        self.found.push(Problem { path: path.into(), code, message: message.into() });
    }

    /// What is part of the resource but not of this version.
    pub(super) fn not_available(&mut self, path: impl Into<String>, what: &str) {
        self.add(path, "NotAvailable", format!("{what} not available in this version"));
    }

    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found
            .sort_by_cached_key(|problem| (natural(&problem.path), problem.code, problem.message.clone()));
        self.found.dedup();
        self.found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// A CEL expression on its own, as in `when`.
    pub(super) fn program(&mut self, path: &str, source: &str, scope: &Scope<'_>) -> Option<Program> {
        if source.trim_start().starts_with("${{") {
            self.add(
                path,
                "ExpressionSyntax",
                "this field is an expression already: write it without ${{ }}",
            );
            return None;
        }
        match Program::parse(source) {
            Ok(program) => {
                self.references(path, program.references(), scope);
                Some(program)
            }
            Err(error) => {
                self.expression(path, &error);
                None
            }
        }
    }

    /// JSON with `${{ … }}` in its strings.
    pub(super) fn template(&mut self, path: &str, value: &Value, scope: &Scope<'_>) -> Option<Template> {
        if self.is_too_deep(path, value) {
            return None;
        }
        match Template::parse(value) {
            Ok(template) => {
                for (place, references) in template.references() {
                    self.references(&format!("{path}{place}"), references, scope);
                }
                Some(template)
            }
            Err(problems) => {
                problems
                    .iter()
                    .for_each(|problem| self.expression(&format!("{path}{}", problem.path), &problem.error));
                None
            }
        }
    }

    /// A JSON Schema.
    pub(super) fn schema(&mut self, path: &str, schema: &Value) -> Option<Schema> {
        if self.is_too_deep(path, schema) {
            return None;
        }
        match Schema::compile(schema) {
            Ok(schema) => Some(schema),
            Err(error) => {
                let code = match error {
                    SchemaError::TooLarge { .. } => "SchemaTooLarge",
                    SchemaError::TooCostly { .. } => "SchemaTooCostly",
                    SchemaError::Remote { .. } => "SchemaReference",
                    SchemaError::Dialect { .. } | SchemaError::Invalid { .. } => "SchemaInvalid",
                };
                self.add(path, code, error.to_string());
                None
            }
        }
    }

    fn is_too_deep(&mut self, path: &str, value: &Value) -> bool {
        let is_too_deep = is_deeper_than(value, MAX_VALUE_DEPTH);
        if is_too_deep {
            let message = format!("has more than {MAX_VALUE_DEPTH} lists and objects within each other");
            self.add(path, "TooDeep", message);
        }
        is_too_deep
    }

    /// A length of time.
    pub(super) fn duration(
        &mut self,
        path: &str,
        duration: Option<&crds::Duration>,
    ) -> Option<std::time::Duration> {
        match duration?.to_std() {
            Ok(duration) => Some(duration),
            Err(error) => {
                self.add(path, "DurationInvalid", error.to_string());
                None
            }
        }
    }

    fn expression(&mut self, path: &str, error: &ParseError) {
        self.add(path, error.code(), error.to_string());
    }

    fn references(&mut self, path: &str, references: &References, scope: &Scope<'_>) {
        for (code, message) in scope.faults(references) {
            self.add(path, code, message);
        }
    }
}

/// A path that sorts `steps[2]` before `steps[10]`.
fn natural(path: &str) -> String {
    let pieces = path.split('[').map(|piece| match piece.split_once(']') {
        Some((index, rest)) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{index:0>6}]{rest}")
        }
        _ => piece.to_owned(),
    });
    pieces.collect::<Vec<_>>().join("[")
}

impl From<Problem> for crds::workflow::Problem {
    fn from(Problem { path, code, message }: Problem) -> Self {
        Self { path, code: code.to_owned(), message }
    }
}
