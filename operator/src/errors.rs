//! Why a reconcile failed, and what that asks for.

use std::fmt;

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
        source: serde_json::Error,
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

/// The whole chain of an error in one line, for the boundary that handles it.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
