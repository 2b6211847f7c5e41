//! The metrics registry and its text form.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{encoding::text::encode, registry};

/// A shared Prometheus registry; clones register into, and read, the same one.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<registry::Registry>>);

impl Registry {
    /// Registers metrics under the prefix `smb_<component>`.
    pub fn register(&self, component: &'static str, with: impl FnOnce(&mut registry::Registry)) {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        with(registry.sub_registry_with_prefix("smb").sub_registry_with_prefix(component));
    }

    /// The OpenMetrics text of everything registered.
    ///
    /// # Errors
    /// A metric refuses to be written.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
