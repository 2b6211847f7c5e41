//! The data that an expression is evaluated on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

/// Variables of an expression, each bound to a JSON value: `input`, `steps`, `run`, `tenant`, `workflow`,
/// `secrets`, `item`, `index`, `error`, …
#[derive(Clone, Debug, Default)]
pub struct Context {
    roots: BTreeMap<String, Arc<Value>>,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Context {
    /// Returns a context without variables.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns this context with `name` bound to `value`, replacing a former binding.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Arc<Value>>) -> Self {
        self.roots.insert(name.to_owned(), value.into());
        self
    }

    /// Returns this context with an interrupt flag. Once another thread sets the flag, evaluation ends with
    /// [`super::EvaluateError::Exhausted`]; the flag is checked between iterations.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Arc<AtomicBool>) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// Returns the value bound to `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.roots.get(name).map(AsRef::as_ref)
    }

    pub(crate) fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.interrupt.clone()
    }
}
