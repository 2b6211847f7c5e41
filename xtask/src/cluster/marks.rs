//! Fingerprints of what was installed into a cluster, stored in the cluster itself, so that a new cluster has none.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Cluster;
use crate::issuer::NAMESPACE;
use crate::phase::Phase;

const CONFIG_MAP: &str = "xtask";

/// The stored fingerprints by name.
pub(crate) struct Marks {
    found: BTreeMap<String, String>,
}

impl Marks {
    /// Reads the fingerprints from the cluster.
    pub(crate) fn load(cluster: &Cluster) -> anyhow::Result<Self> {
        let map = cluster.find(&["--namespace", NAMESPACE, "configmap", CONFIG_MAP])?;
        let data = map.as_ref().and_then(|map| map.pointer("/data")).and_then(Value::as_object);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(Self {
            found: data.into_iter().flatten().map(|(name, value)| (name.clone(), text(value))).collect(),
        })
    }

    /// Returns the fingerprint that was stored last, if any.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.found.get(name).map(String::as_str)
    }

    /// Stores a fingerprint.
    pub(crate) fn set(
        &mut self,
        phase: &mut Phase<'_>,
        cluster: &Cluster,
        name: &str,
        fingerprint: String,
    ) -> anyhow::Result<()> {
        self.found.insert(name.to_owned(), fingerprint);
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": CONFIG_MAP, "namespace": NAMESPACE}, "data": self.found,
        });
        cluster.apply(phase, map.to_string())
    }
}
