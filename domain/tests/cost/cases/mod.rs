//! Known attacks.

mod expressions;
mod python;
mod schemas;
mod workflows;

pub(crate) use expressions::evaluate;
pub(crate) use python::check_code;
pub(crate) use schemas::check as check_schema;

/// A case: a name, and what is run.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn() -> String>,
}

impl Case {
    pub(crate) fn new(name: impl Into<String>, run: impl Fn() -> String + 'static) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// Returns all cases.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = expressions::all();
    cases.extend(python::all());
    cases.extend(schemas::all());
    cases.extend(workflows::all());
    cases
}

/// Returns the first characters of an outcome.
pub(crate) fn summary(text: &str) -> String {
    let end = text.floor_char_boundary(60);
    text.get(..end).unwrap_or_default().replace('\n', " ")
}
