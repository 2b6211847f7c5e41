//! Why a reconcile failed, and what that asks for.

use std::fmt;

use kube::core::Status;

/// A reconcile that did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server refused a request, or could not be asked.
    #[error("failed to {verb} {kind} {name}")]
    Api {
        /// What was asked for.
        verb: Verb,
        /// The object's kind.
        kind: String,
        /// `namespace/name`, or the name of a cluster-scoped object.
        name: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// A value of ours cannot be written as JSON.
    #[error("failed to encode {what}")]
    Encode {
        /// What it is.
        what: &'static str,
        /// What JSON cannot hold.
        source: serde_json::Error,
    },
    /// A stored revision does not hold a workflow.
    #[error("failed to decode ControllerRevision {name}")]
    Revision {
        /// `namespace/name`.
        name: String,
        /// What is wrong with it.
        source: crds::InvalidRevision,
    },
    /// The bound on one reconcile was reached.
    #[error("failed to finish within {seconds} s")]
    Timeout {
        /// The bound, in seconds.
        seconds: u64,
    },
}

/// What was asked of the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    List,
    Apply,
    Create,
    PatchStatus,
    Patch,
    Delete,
    Probe,
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "get",
            Self::List => "list",
            Self::Apply => "apply",
            Self::Create => "create",
            Self::PatchStatus => "patch the status of",
            Self::Patch => "patch",
            Self::Delete => "delete",
            Self::Probe => "probe the fence with",
        })
    }
}

/// What an error asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Try again: it may pass by itself.
    Transient,
    /// Somebody else wrote first: look again at once.
    Conflict,
    /// The API server will refuse it again until somebody changes something.
    Invalid,
    /// We are wrong.
    Bug,
}

impl Error {
    /// What this error asks for.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Api { source, .. } => class_of(source),
            Self::Timeout { .. } => Class::Transient,
            Self::Revision { .. } => Class::Invalid,
            Self::Encode { .. } => Class::Bug,
        }
    }
}

fn class_of(error: &kube::Error) -> Class {
    let kube::Error::Api(status) = error else { return Class::Transient };
    match status.code {
        409 => Class::Conflict,
        400 | 405 | 413 | 415 | 422 => Class::Invalid,
        // 403 passes by itself where a role was bound a moment ago.
        // etcd's "request is too large" comes as a 500, and is permanent.
        500 if status.message.contains("too large") => Class::Invalid,
        _ => Class::Transient,
    }
}

/// The whole chain of an error in one line, for the boundary that handles it. What the API server answered
/// is given in its own words: the client's rendering repeats it, with all of its fields.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut parts = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(status) = answer(error) {
            parts.push(status.message.clone());
            break;
        }
        parts.push(error.to_string());
        next = error.source();
    }
    parts.join(": ")
}

fn answer<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Status> {
    let boxed = error.downcast_ref::<Box<kube::Error>>().map(AsRef::as_ref);
    match boxed.or_else(|| error.downcast_ref::<kube::Error>())? {
        kube::Error::Api(status) => Some(status),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(code: u16, message: &str) -> Error {
        let status = Status::failure(message, "Whatever").with_code(code);
        let source = Box::new(kube::Error::Api(status.boxed()));
        Error::Api { verb: Verb::Apply, kind: "Job".to_owned(), name: "bakery/run-1".to_owned(), source }
    }

    /// An Event is three screens of Rust structs.
    #[test]
    fn an_answer_is_given_once_and_in_its_own_words() {
        let text = chain(&refused(403, "exceeded quota: smb-tenant"));
        assert_eq!(text, "failed to apply Job bakery/run-1: exceeded quota: smb-tenant");
    }

    /// An object that can never be stored is tried again every minute, for ever.
    #[test]
    fn a_request_that_is_too_large_is_permanent() {
        assert_eq!(refused(500, "etcdserver: request is too large").class(), Class::Invalid);
        assert_eq!(refused(500, "etcdserver: leader changed").class(), Class::Transient);
        assert_eq!(refused(409, "the object has been modified").class(), Class::Conflict);
    }
}
