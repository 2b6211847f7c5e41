//! Collection of all problems of a workflow, while its expressions, templates and schemas are parsed.

use std::collections::BTreeMap;

use crds::constants::MAX_VALUE_DEPTH;
use crds::nesting::is_deeper_than;
use serde_json::Value;

use crate::expr::{ParseBudget, ParseError, Program, References};
use crate::schema::{CheckedSchema, Schema, SchemaError, display_pointer};
use crate::template::Template;
use crate::{numbers, pattern};

use super::scope::Scope;
use super::value_checks::ValueChecks;
use super::warnings::YAML_BOOLEANS;

/// A problem of a workflow, as reported in `status.problems`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Problem {
    /// Path of the field, as in `spec.steps[2].when`.
    pub path: String,
    /// Stable code of the problem, for programs.
    pub code: &'static str,
    /// Message for users: what is wrong and what to change.
    pub message: String,
}

impl Problem {
    /// Returns the problem of a workflow that could not be checked, because the check took too long or failed.
    #[must_use]
    pub fn not_checked(reason: &str) -> Self {
        let message = format!(
            "the workflow could not be checked ({reason}): simplify its expressions and schemas; it is checked again after \
             ten minutes"
        );
        Self { path: "spec".to_owned(), code: "NotChecked", message }
    }

    /// Returns the problem of a workflow that takes too much memory to be checked.
    #[must_use]
    pub fn too_large(reason: &str) -> Self {
        let message = format!("{reason}; move constant data to the inputs of runs or into files");
        Self { path: "spec".to_owned(), code: "WorkflowTooLarge", message }
    }
}

/// Returns whether a problem is that the workflow could not be checked, which may have passed.
#[must_use]
pub fn is_unchecked(code: &str) -> bool {
    code == "NotChecked"
}

/// Maximum number of problems that are listed. They are stored in the status of the workflow.
const MAX_PROBLEMS: usize = 100;
/// Length of the paths and messages of all problems after which no further problem is listed, in bytes: 100 problems of 160
/// bytes. The operator holds the status of each workflow.
const MAX_LISTED_BYTES: usize = 16 * 1024;
/// Maximum length of the message of a problem, in bytes.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// Shortens a message that repeats long names of the workflow.
fn shorten(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        message.truncate(message.floor_char_boundary(MAX_MESSAGE_BYTES));
        message.push('…');
    }
    message
}

/// Problems found so far.
#[derive(Debug, Default)]
pub(super) struct Problems {
    found: Vec<Problem>,
    /// Length of the paths and messages of the problems, in bytes.
    bytes: usize,
    /// Number of problems beyond [`MAX_PROBLEMS`] and [`MAX_LISTED_BYTES`].
    omitted: usize,
    /// Budget of all expressions.
    expressions: ParseBudget,
    /// States of all patterns accepted so far.
    pattern_states: u64,
    /// Budget of the checks of values that the spec contains.
    pub(super) value_checks: ValueChecks,
}

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, code: &'static str, message: impl Into<String>) {
        if self.found.len() < MAX_PROBLEMS && self.bytes < MAX_LISTED_BYTES {
            let problem = Problem { path: path.into(), code, message: shorten(message.into()) };
            self.bytes += problem.path.len() + problem.message.len();
            self.found.push(problem);
        } else {
            self.omitted += 1;
        }
    }

    /// Adds a problem for a field that the resource has but this version does not support.
    pub(super) fn not_available(&mut self, path: impl Into<String>, feature: &str) {
        self.add(path, "NotAvailable", format!("{feature} are not supported in this version"));
    }

    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found
            .sort_by_cached_key(|problem| (sort_key(&problem.path), problem.code, problem.message.clone()));
        self.found.dedup();
        if self.omitted > 0 {
            let message =
                format!("{} further problems are not listed: fix the ones above first", self.omitted);
            self.found.push(Problem { path: "spec".to_owned(), code: "TooManyProblems", message });
        }
        self.found
    }

    /// Parses named templates, as in `env`, `headers`, `query` and `form`; returns `None` if one of them has
    /// a problem.
    pub(super) fn text_templates(
        &mut self,
        path: &str,
        texts: &BTreeMap<String, String>,
        scope: &Scope<'_>,
    ) -> Option<BTreeMap<String, Template>> {
        // The templates are collected in two steps, so that the problems of all templates are reported.
        let parsed: Vec<_> = texts
            .iter()
            .map(|(name, text)| {
                Some((name.clone(), self.text_template(&format!("{path}.{name}"), text, scope)?))
            })
            .collect();
        parsed.into_iter().collect()
    }

    /// Parses a string as a template.
    pub(super) fn text_template(&mut self, path: &str, text: &str, scope: &Scope<'_>) -> Option<Template> {
        self.template(path, &Value::String(text.to_owned()), scope)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Parses a field that is a CEL expression, such as `when`; returns `None` and adds a problem if it is
    /// not valid.
    pub(super) fn program(&mut self, path: &str, source: &str, scope: &Scope<'_>) -> Option<Program> {
        if source.trim_start().starts_with("${{") {
            self.add(
                path,
                "ExpressionSyntax",
                "this field is an expression, not a template: remove the surrounding ${{ }}",
            );
            return None;
        }
        match self.expressions.parse(source) {
            Ok(program) => {
                self.references(path, program.references(), scope);
                self.reserve_states(path, program.pattern_states()).then_some(program)
            }
            Err(error) => {
                self.expression(path, &error);
                None
            }
        }
    }

    /// Parses a JSON value with `${{ … }}` in its strings; returns `None` and adds problems if it is not
    /// valid.
    pub(super) fn template(&mut self, path: &str, value: &Value, scope: &Scope<'_>) -> Option<Template> {
        if self.is_too_deep(path, value) || self.has_oversized_number(path, value) {
            return None;
        }
        match Template::parse_within(value, &mut self.expressions) {
            Ok(template) => {
                for (suffix, references) in template.references() {
                    self.references(&format!("{path}{suffix}"), references, scope);
                }
                self.reserve_states(path, template.pattern_states()).then_some(template)
            }
            Err(problems) => {
                problems
                    .iter()
                    .for_each(|problem| self.expression(&format!("{path}{}", problem.path), &problem.error));
                None
            }
        }
    }

    /// Compiles a JSON Schema; returns `None` and adds a problem if it is not valid.
    pub(super) fn schema(&mut self, path: &str, schema: &Value) -> Option<Schema> {
        if self.is_too_deep(path, schema) {
            return None;
        }
        let checked = match CheckedSchema::new(schema) {
            Ok(checked) => checked,
            Err(error) => return self.schema_error(path, schema, &error),
        };
        if !self.reserve_states(path, checked.pattern_states()) {
            return None;
        }
        match checked.compile().and_then(|compiled| compiled.check_defaults(schema).map(|()| compiled)) {
            Ok(compiled) => Some(compiled),
            Err(error) => self.schema_error(path, schema, &error),
        }
    }

    fn schema_error(&mut self, path: &str, schema: &Value, error: &SchemaError) -> Option<Schema> {
        let code = match error {
            SchemaError::TooLarge { .. } => "SchemaTooLarge",
            SchemaError::TooCostly { .. } | SchemaError::TooDeep { .. } | SchemaError::LongNames { .. } => {
                "SchemaTooCostly"
            }
            SchemaError::Pattern { .. } => "PatternsTooLarge",
            SchemaError::Remote { .. } => "SchemaReference",
            SchemaError::Default { .. } => "DefaultInvalid",
            SchemaError::Dialect { .. } | SchemaError::Invalid { .. } => "SchemaInvalid",
        };
        let is_yaml_boolean = matches!(error, SchemaError::Invalid { pointer, .. }
            if schema.pointer(pointer).is_some_and(Value::is_boolean));
        let hint = if is_yaml_boolean { format!(". {YAML_BOOLEANS}") } else { String::new() };
        self.add(path, code, format!("{error}{hint}"));
        None
    }

    /// Reserves a part of the budget that all patterns of the workflow share; adds a problem and returns
    /// `false` if it is exceeded.
    fn reserve_states(&mut self, path: &str, states: u64) -> bool {
        let total = self.pattern_states.saturating_add(states);
        let limit = pattern::MAX_STATES;
        if total > limit {
            let message = format!(
                "the regular expressions of the workflow, those of expressions and of schemas together, compile to about {total} states; the limit is {limit}: shorten repetitions such as `{{0,1000}}`, and use `maxLength`"
            );
            self.add(path, "PatternsTooLarge", message);
            return false;
        }
        self.pattern_states = total;
        true
    }

    fn is_too_deep(&mut self, path: &str, value: &Value) -> bool {
        let is_too_deep = is_deeper_than(value, MAX_VALUE_DEPTH);
        if is_too_deep {
            let message = format!(
                "the value has more than {MAX_VALUE_DEPTH} nested lists and objects: store it as a text, or make it flatter"
            );
            self.add(path, "TooDeep", message);
        }
        is_too_deep
    }

    /// Adds a problem and returns `true` if a value has a number that was rounded before it reached us.
    pub(super) fn has_oversized_number(&mut self, path: &str, value: &Value) -> bool {
        let pointer = numbers::oversized(value);
        if let Some(pointer) = &pointer {
            self.add(path, "NumberTooLarge", format!("{}: {}", display_pointer(pointer), numbers::MESSAGE));
        }
        pointer.is_some()
    }

    /// Parses a duration; returns `None` if the field is absent, and adds a problem if it is not valid.
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
        for (code, message) in scope.violations(references) {
            self.add(path, code, message);
        }
    }
}

/// Returns a sort key for a path that orders `steps[2]` before `steps[10]`.
fn sort_key(path: &str) -> String {
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
