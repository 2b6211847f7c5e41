//! Mutations of invitations.

use async_graphql::{Context, InputObject, Object, Result};

use super::{
    payload::{deletion, secret_payload},
    runs::parse_key,
};
use crate::{
    app::{
        self,
        invitations::{Create, Created},
        users::NewPerson,
    },
    graphql::{
        global_id::{Kind, role_references},
        objects::Invitation,
        request::Caller,
    },
    store::invitations,
};

/// Mutations of invitations.
#[derive(Default)]
pub(super) struct InvitationMutations;

/// Input of `createInvitation`.
#[derive(InputObject)]
pub(super) struct CreateInvitationInput {
    /// Email address of the person; at most 254 bytes.
    email: String,
    /// Full name of the person; at most 120 characters.
    display_name: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    roles: Vec<String>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the invitation that the first request
    /// has created, without its token, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for
    /// another request fails with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

secret_payload! {
    /// Payload of `createInvitation`.
    CreateInvitationPayload {
        /// The new invitation. Null if there are user errors.
        invitation: Invitation(invitations::Invitation)
        /// The token, to be handed to the person, who sends it as the header `Invitation-Token` with the first request. It is shown once,
        /// and valid once. Null if there are user errors, or if an earlier request with the same idempotency key has returned it.
        token
    }
}
deletion! {
    /// Input of `revokeInvitation`.
    RevokeInvitationInput {
        /// Global ID of the invitation.
        invitation_id
    }
    /// Payload of `revokeInvitation`.
    RevokeInvitationPayload {
        /// Global ID of the revoked invitation. Null if there are user errors.
        revoked_invitation_id
    }
}

/// Mutations of invitations.
#[Object]
impl InvitationMutations {
    /// Creates an invitation, and a user with the status `INVITED` unless the tenant has one with the address and the roles. The payload
    /// has the token, which is not stored. If an SMTP server is configured, the person gets a mail with a link that has the token, and
    /// `delivery` of the invitation says whether it was sent. The answer does not depend on whether other tenants know the address.
    /// Requires the permission `user.create`.
    ///
    /// User errors: `FORBIDDEN` if the roles have permissions that the caller lacks, `ALREADY_EXISTS` if the person is a user of the tenant,
    /// or is invited with other roles, `CONFLICT` if too many invitations are open, `PLAN_LIMIT_REACHED`, `TENANT_SUSPENDED`,
    /// `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their fields.
    async fn create_invitation(
        &self,
        ctx: &Context<'_>,
        input: CreateInvitationInput,
    ) -> Result<CreateInvitationPayload> {
        let CreateInvitationInput { email, display_name, roles, idempotency_key, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let person = NewPerson { email, display_name, picture_url: None, roles: role_references(roles) };
        let create = Create { person, requested_by: caller.principal.email.clone(), key };
        let created = Box::pin(app::invitations::create(caller.app, caller.editor()?, create)).await;
        let created = created.map(|(Created { invitation, token }, _)| (invitation, token));
        CreateInvitationPayload::new(created, client_mutation_id)
    }

    /// Deletes an invitation: its token cannot be used any more. The user stays `INVITED`; delete it to take back the roles. Requires the
    /// permission `user.create`.
    ///
    /// User errors: `NOT_FOUND`, `TENANT_SUSPENDED`.
    async fn revoke_invitation(
        &self,
        ctx: &Context<'_>,
        input: RevokeInvitationInput,
    ) -> Result<RevokeInvitationPayload> {
        let RevokeInvitationInput { invitation_id, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let editor = caller.editor()?;
        let result = match Kind::Invitation.decode(&invitation_id) {
            Some(id) => Box::pin(app::invitations::revoke(caller.app, editor, id)).await,
            None => Err(app::Error::NotFound),
        };
        RevokeInvitationPayload::new(result, invitation_id, client_mutation_id)
    }
}
