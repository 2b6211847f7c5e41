//! The mark of the request that created an object, by which a repetition of the request finds the object, also if the process
//! died before it could store its response.

use crds::{labels::CREATED_BY_REQUEST, names::digest};
use kube::ResourceExt as _;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Error, change_object::Declared};

/// Length of each digest of a mark, in hex digits.
const DIGITS: usize = 32;

/// Returns the mark of a request: digests of its idempotency key, which `key` identifies, and of its content.
pub(super) fn mark(key: &[&str], content: &impl Serialize) -> String {
    let content = Sha256::digest(serde_json::to_vec(content).unwrap_or_default());
    let content: String = hex::encode(content).chars().take(DIGITS).collect();
    format!("{}.{content}", digest(key, DIGITS))
}

/// Returns the existing object of the name if the same request created it.
///
/// # Errors
/// Returns an error if another request has used the key, or if the name is in use.
pub(super) fn check_existing<K: Declared>(
    action: &'static str,
    existing: K,
    requested: &K,
) -> Result<K, Error> {
    let key = |mark: &String| mark.split('.').next().map(str::to_owned);
    let own = requested.annotations().get(CREATED_BY_REQUEST);
    match existing.annotations().get(CREATED_BY_REQUEST) {
        Some(found) if own == Some(found) => Ok(existing),
        Some(found) if own.is_some_and(|own| key(own) == key(found)) => Err(Error::KeyReused),
        _ => Err(Error::AlreadyExists { action, name: requested.name_any() }),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crds::{Workflow, WorkflowSpec};

    use super::*;

    fn marked(mark: Option<&str>) -> Workflow {
        let mut workflow = Workflow::new("invoice", WorkflowSpec::default());
        workflow.metadata.annotations =
            mark.map(|mark| BTreeMap::from([(CREATED_BY_REQUEST.to_owned(), mark.to_owned())]));
        workflow
    }

    /// An existing object answers a repetition of the request that created it, and no other request.
    #[test]
    fn an_existing_object_answers_only_the_request_that_created_it() {
        let outcome = |existing, requested| check_existing("create", marked(existing), &marked(requested));
        assert!(outcome(Some("key.content"), Some("key.content")).is_ok());
        assert!(matches!(outcome(Some("key.content"), Some("key.other")), Err(Error::KeyReused)));
        for (existing, requested) in [
            (Some("key.content"), Some("other.content")),
            (Some("key.content"), None),
            (None, Some("key.content")),
            (None, None),
        ] {
            let refused = outcome(existing, requested);
            assert!(matches!(refused, Err(Error::AlreadyExists { .. })), "{existing:?} {requested:?}");
        }
    }

    /// Marks differ for other callers, keys and contents.
    #[test]
    fn marks_differ_for_other_requests() {
        let own = mark(&["acme", "anna", "1"], &"content");
        assert_eq!(own, mark(&["acme", "anna", "1"], &"content"));
        for other in [mark(&["acme", "bert", "1"], &"content"), mark(&["acme", "anna", "1"], &"other")] {
            assert_ne!(own, other);
        }
    }
}
