//! The data that an expression sees.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

/// Named JSON values: `input`, `steps`, `run`, `tenant`, `workflow`, `secrets`, `item`, `index`, `error`, …
#[derive(Clone, Debug, Default)]
pub struct Context {
    roots: BTreeMap<String, Arc<Value>>,
    interrupt: Option<Arc<AtomicBool>>,
}

impl Context {
    /// A context in which every name is unknown.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// This context with `name` bound to `value`, in place of what it was bound to.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Arc<Value>>) -> Self {
        self.roots.insert(name.to_owned(), value.into());
        self
    }

    /// This context with an interrupt: set it from elsewhere and evaluation ends with
    /// [`super::EvaluateError::Exhausted`]. It is looked at between iterations.
    #[must_use]
    pub fn interrupted_by(mut self, interrupt: Arc<AtomicBool>) -> Self {
        self.interrupt = Some(interrupt);
        self
    }

    /// The value bound to `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.roots.get(name).map(AsRef::as_ref)
    }

    pub(crate) fn interrupt(&self) -> Option<Arc<AtomicBool>> {
        self.interrupt.clone()
    }
}
