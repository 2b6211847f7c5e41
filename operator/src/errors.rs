//! Errors of a reconcile, and their classes.

use kube::core::Status;

/// Reason for which a reconcile failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The API server refused a request, or could not be reached.
    #[error("failed to {verb} {kind} {name}")]
    Api {
        /// Operation that was requested.
        verb: Verb,
        /// Kind of the object.
        kind: String,
        /// `namespace/name`, or the name of a cluster-scoped object.
        name: String,
        /// Error of the client.
        source: Box<kube::Error>,
    },
    /// A status is larger than its limit. The API server was not asked.
    #[error("failed to write the status of {kind} {name}: it has {bytes} bytes; the limit is {limit}")]
    TooLarge {
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
        /// Size of the status as JSON, in bytes.
        bytes: usize,
        /// Maximum size, in bytes.
        limit: usize,
    },
    /// A value that the operator built cannot be encoded as JSON.
    #[error("failed to encode {what}")]
    Encode {
        /// Description of the value.
        what: &'static str,
        /// Error of the encoder.
        source: serde_json::Error,
    },
    /// A stored ControllerRevision does not hold a workflow.
    #[error("failed to decode ControllerRevision {name}")]
    Revision {
        /// Name of the ControllerRevision.
        name: String,
        /// Reason for which the data cannot be used.
        source: crds::InvalidRevision,
    },
    /// The finalizers of a tenant cannot be patched, since the tenant has no name or the patch cannot be built.
    #[error("failed to build the patch of the finalizers of Tenant {name}")]
    Finalizer {
        /// Name of the tenant.
        name: String,
    },
    /// A computation on a tenant's text has no result.
    #[error("failed to {what}")]
    Compute {
        /// Purpose of the computation.
        what: &'static str,
        /// Reason for which there is no result.
        source: compute::Error,
    },
    /// An object takes too much memory to be decoded.
    #[error(
        "{what} of {kind} {name} takes {} KiB of memory once it is decoded, and the limit is {} KiB: use fewer lists, objects \
         and values",
        .bytes.div_ceil(1024),
        .limit / 1024
    )]
    TooMuchMemory {
        /// Kind of the object.
        kind: String,
        /// `namespace/name` of the object.
        name: String,
        /// Part of the object that is read.
        what: &'static str,
        /// Memory that the part takes, in bytes.
        bytes: usize,
        /// Maximum memory of the part, in bytes.
        limit: usize,
    },
    /// A Secret has too many keys.
    #[error("failed to read a Secret: {name} has {keys} keys, and the limit is {limit}: split it")]
    TooManyKeys {
        /// Name of the Secret.
        name: String,
        /// Number of its keys.
        keys: usize,
        /// Maximum number of keys.
        limit: usize,
    },
    /// A revision cannot be held, since others take all of the memory for revisions.
    #[error("failed to hold a revision that takes {kib} KiB of memory: too many large revisions are in use")]
    RevisionsInUse {
        /// Memory of the revision, in KiB.
        kib: u32,
    },
    /// An object cannot be held, since others take all of the memory for objects.
    #[error("failed to hold an object that takes {kib} KiB of memory: too many large objects are in use")]
    ObjectsInUse {
        /// Memory of the object, in KiB.
        kib: u32,
    },
    /// Another object of the tenant is held, for a computation that takes long.
    #[error(
        "failed to read an object of {namespace}: a computation on another one of the namespace has not ended"
    )]
    TenantComputes {
        /// Namespace of the tenant.
        namespace: String,
    },
    /// The reconcile panicked.
    #[error("failed to reconcile the object")]
    Panicked(#[from] compute::Panic),
    /// The reconcile exceeded its time limit.
    #[error("failed to finish within {seconds} s")]
    Timeout {
        /// Time limit, in seconds.
        seconds: u64,
    },
}

/// Operation that was requested from the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Verb {
    Get,
    List,
    Apply,
    Create,
    #[strum(to_string = "patch the status of")]
    PatchStatus,
    #[strum(to_string = "patch the finalizers of")]
    PatchFinalizers,
    Delete,
    #[strum(to_string = "probe the runner fence with")]
    Probe,
}

/// Class of an error, which determines how soon the reconcile is retried and what is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub(crate) enum Class {
    /// The same request may succeed later.
    Transient,
    /// Another client wrote the object first: the reconcile is retried at once with the new version.
    Conflict,
    /// The API server refuses the request until a user changes an object.
    Invalid,
    /// The operator built something that cannot be used.
    Bug,
    /// The object cannot be reconciled as it is: that takes too long, makes something too large, or panics.
    #[strum(serialize = "set_aside")]
    SetAside,
}

impl Error {
    /// Returns the class of this error.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::Api { verb, source, .. } => class_of_client_error(*verb, source),
            Self::Compute { source, .. } if source.is_transient() => Class::Transient,
            Self::Compute { .. }
            | Self::Panicked(_)
            | Self::TooLarge { .. }
            | Self::TooMuchMemory { .. }
            | Self::TooManyKeys { .. } => Class::SetAside,
            Self::Timeout { .. }
            | Self::RevisionsInUse { .. }
            | Self::ObjectsInUse { .. }
            | Self::TenantComputes { .. } => Class::Transient,
            Self::Revision { .. } => Class::Invalid,
            Self::Encode { .. } | Self::Finalizer { .. } => Class::Bug,
        }
    }

    /// Returns a function that adds the purpose of a computation to its error.
    pub(crate) fn compute(what: &'static str) -> impl FnOnce(compute::Error) -> Self {
        move |source| Self::Compute { what, source }
    }
}

fn class_of_client_error(verb: Verb, error: &kube::Error) -> Class {
    let kube::Error::Api(status) = error else { return Class::Transient };
    match status.code {
        409 => Class::Conflict,
        // The JSON patch tests the finalizers first; the test fails if another client has changed them.
        422 if verb == Verb::PatchFinalizers => Class::Conflict,
        413 => Class::SetAside,
        400 | 405 | 415 | 422 => Class::Invalid,
        // A 403 is transient: the API server applies a new role binding with a delay. etcd's "request is too
        // large" is returned with code 500, and is permanent.
        500 if status.message.contains("too large") => Class::SetAside,
        _ => Class::Transient,
    }
}

/// Awaits a future whose panic is an error like any other: no object may end the process.
///
/// # Errors
/// Returns the error or the panic of the future.
pub(crate) async fn without_panic<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    compute::catch_panic_of(future).await?
}

/// Returns an error with its causes in one line. A refusal of the API server is given by its message alone, since
/// the client's `Display` repeats that message together with all other fields.
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    telemetry::errors::chain_with(error, |error| refusal(error).map(|status| status.message.clone()))
}

fn refusal<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Status> {
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

    /// A refusal is reported once, with the API server's own message.
    #[test]
    fn a_refusal_is_reported_once_with_the_message_of_the_api_server() {
        let text = chain(&refused(403, "exceeded quota: smb-tenant"));
        assert_eq!(text, "failed to apply Job bakery/run-1: exceeded quota: smb-tenant");
    }

    /// An object that can never be stored is not retried as if the failure were transient.
    #[test]
    fn a_request_that_is_too_large_is_permanent() {
        assert_eq!(refused(500, "etcdserver: request is too large").class(), Class::SetAside);
        assert_eq!(refused(500, "etcdserver: leader changed").class(), Class::Transient);
        assert_eq!(refused(409, "the object has been modified").class(), Class::Conflict);
    }

    /// Error messages name the operation in words, not as the name of an enum variant.
    #[test]
    fn verbs_are_words() {
        assert_eq!(Verb::Get.to_string(), "get");
        assert_eq!(Verb::PatchStatus.to_string(), "patch the status of");
        assert_eq!(<&str>::from(Class::Transient), "transient");
    }
}
