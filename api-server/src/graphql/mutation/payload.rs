//! Payloads of mutations: an object, or errors that the caller can fix.

/// Defines the payload of a mutation that returns an object.
macro_rules! payload {
    ($(#[$doc:meta])* $payload:ident { $(#[$object_doc:meta])* $field:ident: $object:ident($row:ty) }) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $payload {
            $(#[$object_doc])*
            $field: Option<$object>,
            /// Errors that the caller can fix. Empty if the mutation succeeded.
            user_errors: Vec<crate::graphql::error::UserError>,
            /// `clientMutationId` of the input.
            client_mutation_id: Option<String>,
        }

        impl $payload {
            fn new(
                result: Result<$row, crate::app::Error>,
                client_mutation_id: Option<String>,
            ) -> async_graphql::Result<Self> {
                let (object, user_errors) = crate::graphql::mutation::payload::split(result)?;
                Ok(Self { $field: object.map($object), user_errors, client_mutation_id })
            }
        }
    };
}

/// Defines the payload of a mutation that returns an object with a secret, which is shown once.
macro_rules! secret_payload {
    (
        $(#[$doc:meta])* $payload:ident {
            $(#[$object_doc:meta])* $field:ident: $object:ident($row:ty)
            $(#[$secret_doc:meta])* $secret:ident
        }
    ) => {
        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $payload {
            $(#[$object_doc])*
            $field: Option<$object>,
            $(#[$secret_doc])*
            $secret: Option<String>,
            /// Errors that the caller can fix. Empty if the mutation succeeded.
            user_errors: Vec<crate::graphql::error::UserError>,
            /// `clientMutationId` of the input.
            client_mutation_id: Option<String>,
        }

        impl $payload {
            fn new(
                result: Result<($row, Option<String>), crate::app::Error>,
                client_mutation_id: Option<String>,
            ) -> async_graphql::Result<Self> {
                let (created, user_errors) = crate::graphql::mutation::payload::split(result)?;
                let (object, secret) = created.unzip();
                let $secret = secret.flatten();
                Ok(Self { $field: object.map($object), $secret, user_errors, client_mutation_id })
            }
        }
    };
}

/// Defines the input and the payload of a mutation that deletes an object.
macro_rules! deletion {
    (
        $(#[$input_doc:meta])* $input:ident {
            $(#[$id_doc:meta])* $id:ident
            $($(#[$version_doc:meta])* version: $version:ty)?
        }
        $(#[$doc:meta])* $payload:ident { $(#[$deleted_doc:meta])* $deleted:ident }
    ) => {
        $(#[$input_doc])*
        #[derive(async_graphql::InputObject)]
        pub(super) struct $input {
            $(#[$id_doc])*
            $id: async_graphql::ID,
            $($(#[$version_doc])* version: $version,)?
            /// Value that the payload returns unchanged, to match it with this input.
            client_mutation_id: Option<String>,
        }

        $(#[$doc])*
        #[derive(async_graphql::SimpleObject)]
        pub(super) struct $payload {
            $(#[$deleted_doc])*
            $deleted: Option<async_graphql::ID>,
            /// Errors that the caller can fix. Empty if the mutation succeeded.
            user_errors: Vec<crate::graphql::error::UserError>,
            /// `clientMutationId` of the input.
            client_mutation_id: Option<String>,
        }

        impl $payload {
            fn new(
                result: Result<(), crate::app::Error>,
                id: async_graphql::ID,
                client_mutation_id: Option<String>,
            ) -> async_graphql::Result<Self> {
                let (deleted, user_errors) = crate::graphql::mutation::payload::split(result)?;
                Ok(Self { $deleted: deleted.map(|()| id), user_errors, client_mutation_id })
            }
        }
    };
}

pub(super) use deletion;
pub(super) use payload;
pub(super) use secret_payload;

use crate::{
    app,
    graphql::error::{UserError, user_errors},
};

/// Returns the object of a payload or its user errors.
///
/// # Errors
/// Returns the error of the field if the server, and not the caller, has to fix the cause.
pub(super) fn split<T>(result: Result<T, app::Error>) -> async_graphql::Result<(Option<T>, Vec<UserError>)> {
    match result {
        Ok(object) => Ok((Some(object), Vec::new())),
        Err(error) => Ok((None, user_errors(error)?)),
    }
}
