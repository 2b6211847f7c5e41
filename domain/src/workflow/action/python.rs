//! Python steps.

use std::collections::BTreeMap;

use crds::workflow::PythonAction;

use crate::python::{Mistake, check};
use crate::template::Template;
use crate::workflow::context::{CodeCheck, ValidationContext};
use crate::workflow::problems::Problems;
use crate::workflow::scope::Scope;

/// A Python function.
#[derive(Clone, Debug)]
pub struct Python {
    /// Source code, which defines `def run(input, ctx)`.
    pub code: String,
    /// Modules that the host imports before the first step.
    pub preload: Vec<String>,
    /// Environment variables.
    pub(crate) env: BTreeMap<String, Template>,
}

/// Parses a Python step; returns `None` if a template of it has a problem.
pub(super) fn parse(
    path: &str,
    spec: &PythonAction,
    scope: Scope<'_>,
    context: &ValidationContext,
    problems: &mut Problems,
) -> Option<Python> {
    // Image and resources configure the host container of the step: see `hosts`.
    let PythonAction { code, image: _, preload, env, resources: _ } = spec;
    match context.code {
        CodeCheck::Parse => check_code(&format!("{path}.code"), code, problems),
        CodeCheck::Skip => {}
    }
    let env = problems.text_templates(&format!("{path}.env"), env, &scope.with_secrets());
    Some(Python { code: code.clone(), preload: preload.clone(), env: env? })
}

fn check_code(path: &str, code: &str, problems: &mut Problems) {
    for mistake in check(code) {
        match mistake {
            Mistake::Syntax { line, column, message } => {
                problems.add(path, "PythonSyntax", format!("line {line}, column {column}: {message}"));
            }
            Mistake::EntryPoint { message } => problems.add(path, "PythonEntryPoint", message),
        }
    }
}
