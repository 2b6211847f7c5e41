//! Registry of metrics and its text format.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::{encoding::text::encode, registry};

/// A Prometheus registry; clones share it.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<registry::Registry>>);

impl Registry {
    /// Registers metrics under the prefix `smb_<component>`.
    pub fn register(&self, component: &'static str, with: impl FnOnce(&mut registry::Registry)) {
        let mut registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        with(registry.sub_registry_with_prefix("smb").sub_registry_with_prefix(component));
    }

    /// Returns all registered metrics in the OpenMetrics text format.
    ///
    /// # Errors
    /// Returns an error if a metric cannot be encoded.
    pub fn encode(&self) -> Result<String, fmt::Error> {
        let registry = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}
