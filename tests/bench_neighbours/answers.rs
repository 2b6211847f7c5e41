//! Counts of the answers to the attacker.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tests::api::ApiResponse;

/// Counts by answer, shared by all tasks of an attack.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<BTreeMap<String, u64>>>);

impl Answers {
    /// Counts an answer.
    pub(super) fn add(&self, answer: &str) {
        self.add_many(answer, 1);
    }

    /// Counts a number of equal answers.
    pub(super) fn add_many(&self, answer: &str, count: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(answer.to_owned()).or_default() += count;
    }

    /// Returns the counts as `answer × count`, and begins again.
    pub(super) fn take(&self) -> Vec<String> {
        let counts = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        counts.into_iter().map(|(answer, count)| format!("{answer} × {count}")).collect()
    }
}

/// Returns the answer of the api-server: status and code of the problem.
pub(super) fn from_api(result: anyhow::Result<ApiResponse>) -> String {
    match result {
        Ok(response) => {
            let code = response.body.get("code").and_then(serde_json::Value::as_str).unwrap_or_default();
            format!("REST {} {code}", response.status).trim_end().to_owned()
        }
        Err(_) => "REST no response".to_owned(),
    }
}

/// Returns the answer of the Kubernetes API server: `accepted`, or status and reason.
pub(super) fn from_kubernetes<T>(result: kube::Result<T>) -> String {
    match result {
        Ok(_) => "kubectl accepted".to_owned(),
        Err(kube::Error::Api(status)) => format!("kubectl {} {}", status.code, status.reason),
        Err(_) => "kubectl no response".to_owned(),
    }
}
