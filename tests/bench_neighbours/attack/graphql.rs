//! GraphQL documents whose cost doubles with each fragment.

use serde_json::json;

use super::Flood;
use crate::{answers, attacker::Attacker};

/// One document took seconds before its visits were counted.
const PER_SECOND: u32 = 5;
/// Number of fragments; the last one is visited 2^20 times.
const FRAGMENTS: u32 = 20;

/// Sends documents of about 800 bytes as a viewer.
pub(super) fn prepare(attacker: &Attacker) -> Flood {
    let document = document();
    let copy = attacker.clone();
    attacker.flood(PER_SECOND, move |_| {
        let (viewer, query) = (copy.viewer.clone(), json!({"query": document}));
        async move {
            let response = viewer.post("/graphql", &[], &query).await;
            let has_errors = response.as_ref().is_ok_and(|response| response.body.get("errors").is_some());
            let answer = answers::from_api(response).replace("REST", "GraphQL");
            if has_errors { format!("{answer} with errors") } else { answer }
        }
    })
}

fn document() -> String {
    let doubling = |index: u32| format!("fragment f{index} on Query{{...f{0} ...f{0}}}", index + 1);
    let fragments: String = (0..FRAGMENTS).map(doubling).collect();
    format!("{{...f0}}{fragments}fragment f{FRAGMENTS} on Query{{viewer{{email}}}}")
}
