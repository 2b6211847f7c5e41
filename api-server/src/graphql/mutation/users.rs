//! Mutations of users.

use async_graphql::{Context, ID, InputObject, MaybeUndefined, Object, Result};
use uuid::Uuid;

use super::{
    payload::{deletion, payload},
    runs::parse_key,
};
use crate::{
    app::{
        self, App,
        users::{Create, Editor, NewPerson, Patch},
    },
    graphql::{
        global_id::{Kind, role_reference, role_references},
        objects::User,
        request::Caller,
    },
    store,
};

/// Mutations of users.
#[derive(Default)]
pub(super) struct UserMutations;

/// Input of `createUser`.
#[derive(InputObject)]
pub(super) struct CreateUserInput {
    /// Email address; at most 254 bytes.
    email: String,
    /// Full name; at most 120 characters.
    display_name: Option<String>,
    /// URL of a picture, with the scheme https; at most 2,048 bytes.
    picture_url: Option<String>,
    /// Roles, 1 to 20: names of built-in roles and IDs of the tenant's own. The caller must have all of their permissions.
    roles: Vec<String>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the user that the first request has
    /// created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for another request fails
    /// with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `updateUser`. Absent fields stay, and null removes a field.
#[derive(InputObject)]
pub(super) struct UpdateUserInput {
    /// ID of the user.
    user_id: ID,
    /// Full name; at most 120 characters.
    display_name: MaybeUndefined<String>,
    /// URL of a picture, with the scheme https; at most 2,048 bytes.
    picture_url: MaybeUndefined<String>,
    /// `version` of the user that the change is based on. If the user was changed since, the mutation fails with the user error
    /// `PRECONDITION_FAILED`. Default: any.
    version: Option<i32>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Defines the input and the payload of a mutation of one user.
macro_rules! change {
    (
        $(#[$input_doc:meta])* $input:ident $({ $(#[$field_doc:meta])* $field:ident })?
        $(#[$doc:meta])* $payload:ident
        $(#[$user_doc:meta])*
    ) => {
        $(#[$input_doc])*
        #[derive(InputObject)]
        pub(super) struct $input {
            /// ID of the user.
            user_id: ID,
            $($(#[$field_doc])* $field: String,)?
            /// `version` of the user that the change is based on. If the user was changed since, the mutation fails with the user
            /// error `PRECONDITION_FAILED`. Default: any.
            version: Option<i32>,
            /// Value that the payload returns unchanged, to match it with this input.
            client_mutation_id: Option<String>,
        }

        payload! { $(#[$doc])* $payload { $(#[$user_doc])* user: User(store::User) } }
    };
}

payload! {
    /// Payload of `createUser`.
    CreateUserPayload {
        /// The new user. Null if there are user errors.
        user: User(store::User)
    }
}
payload! {
    /// Payload of `updateUser`.
    UpdateUserPayload {
        /// The changed user. Null if there are user errors.
        user: User(store::User)
    }
}
change! {
    /// Input of `deactivateUser`.
    DeactivateUserInput
    /// Payload of `deactivateUser`.
    DeactivateUserPayload
    /// The deactivated user. Null if there are user errors.
}
change! {
    /// Input of `reactivateUser`.
    ReactivateUserInput
    /// Payload of `reactivateUser`.
    ReactivateUserPayload
    /// The active user. Null if there are user errors.
}
change! {
    /// Input of `assignUserRole`.
    AssignUserRoleInput {
        /// Name of a built-in role, or ID of a role of the tenant.
        role_id
    }
    /// Payload of `assignUserRole`.
    AssignUserRolePayload
    /// The user with the role. Null if there are user errors.
}
change! {
    /// Input of `removeUserRole`.
    RemoveUserRoleInput {
        /// Name of a built-in role, or ID of a role of the tenant.
        role_id
    }
    /// Payload of `removeUserRole`.
    RemoveUserRolePayload
    /// The user without the role. Null if there are user errors.
}

deletion! {
    /// Input of `deleteUser`.
    DeleteUserInput {
        /// ID of the user.
        user_id
        /// `version` of the user that the deletion is based on. If the user was changed since, the mutation fails with the user error
        /// `PRECONDITION_FAILED`. Default: any.
        version: Option<i32>
    }
    /// Payload of `deleteUser`.
    DeleteUserPayload {
        /// Global ID of the deleted user. Null if there are user errors.
        deleted_user_id
    }
}

/// User to change.
struct Target<'a> {
    app: &'a App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
}

/// Returns the user that an input names; the inner error is that of a mutation.
fn target<'a>(ctx: &Context<'a>, id: &ID, version: Option<i32>) -> Result<Result<Target<'a>, app::Error>> {
    let caller = Caller::from_context(ctx)?;
    let editor = caller.editor()?;
    let id = Kind::User.decode(id).ok_or(app::Error::NotFound);
    Ok(id.map(|id| Target { app: caller.app, editor, id, version: version.map(i64::from) }))
}

/// Returns a field that may be null; `None` if it is absent.
fn field(value: MaybeUndefined<String>) -> Option<Option<String>> {
    match value {
        MaybeUndefined::Undefined => None,
        MaybeUndefined::Null => Some(None),
        MaybeUndefined::Value(text) => Some(Some(text)),
    }
}

/// Mutations of users.
#[Object]
impl UserMutations {
    /// Creates a user with the status `INVITED`. The first login of a person with this address makes the user active, if the issuer of
    /// the token is trusted for addresses and has verified the address. Nobody is notified. Requires the permission `user.create`.
    ///
    /// User errors: `FORBIDDEN` if the roles have permissions that the caller lacks, `ALREADY_EXISTS`, `PLAN_LIMIT_REACHED`,
    /// `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`; if the input is not valid, the codes of its errors with their fields.
    async fn create_user(&self, ctx: &Context<'_>, input: CreateUserInput) -> Result<CreateUserPayload> {
        let CreateUserInput { email, display_name, picture_url, roles, idempotency_key, client_mutation_id } =
            input;
        let caller = Caller::from_context(ctx)?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let requested_by = caller.principal.email.clone();
        let person = NewPerson { email, display_name, picture_url, roles: role_references(roles) };
        let create = Create { person, requested_by, key };
        let created = Box::pin(app::users::create(caller.app, caller.editor()?, create)).await;
        CreateUserPayload::new(created.map(|(user, _)| user), client_mutation_id)
    }

    /// Changes the name and the picture of a user. Requires the permission `user.update`.
    ///
    /// User errors: `FORBIDDEN` if the user has permissions that the caller lacks, `NOT_FOUND`, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`; if the change is not valid, the codes of its errors with their fields.
    async fn update_user(&self, ctx: &Context<'_>, input: UpdateUserInput) -> Result<UpdateUserPayload> {
        let UpdateUserInput { user_id, display_name, picture_url, version, client_mutation_id } = input;
        let patch = Patch { display_name: field(display_name), picture_url: field(picture_url) };
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::update(app, editor, id, version, patch)).await
            }
            Err(error) => Err(error),
        };
        UpdateUserPayload::new(result, client_mutation_id)
    }

    /// Deactivates a user: within 5 seconds, all requests with its tokens are refused. The call is idempotent. Requires the permission
    /// `user.update`.
    ///
    /// User errors: `FORBIDDEN` if the user has permissions that the caller lacks, `NOT_FOUND`, `LAST_OWNER`, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`.
    async fn deactivate_user(
        &self,
        ctx: &Context<'_>,
        input: DeactivateUserInput,
    ) -> Result<DeactivateUserPayload> {
        let DeactivateUserInput { user_id, version, client_mutation_id } = input;
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::deactivate(app, editor, id, version)).await
            }
            Err(error) => Err(error),
        };
        DeactivateUserPayload::new(result, client_mutation_id)
    }

    /// Makes a deactivated user active again. The call is idempotent. Requires the permission `user.update`.
    ///
    /// User errors: `FORBIDDEN` if the user has permissions that the caller lacks, `NOT_FOUND`, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`.
    async fn reactivate_user(
        &self,
        ctx: &Context<'_>,
        input: ReactivateUserInput,
    ) -> Result<ReactivateUserPayload> {
        let ReactivateUserInput { user_id, version, client_mutation_id } = input;
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::reactivate(app, editor, id, version)).await
            }
            Err(error) => Err(error),
        };
        ReactivateUserPayload::new(result, client_mutation_id)
    }

    /// Deletes an invited or a deactivated user with its roles and identities. Requires the permission `user.delete`.
    ///
    /// User errors: `FORBIDDEN` if the user has permissions that the caller lacks, `NOT_FOUND`, `CONFLICT` if the user is active,
    /// `PRECONDITION_FAILED`, `TENANT_SUSPENDED`.
    async fn delete_user(&self, ctx: &Context<'_>, input: DeleteUserInput) -> Result<DeleteUserPayload> {
        let DeleteUserInput { user_id, version, client_mutation_id } = input;
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::delete(app, editor, id, version)).await
            }
            Err(error) => Err(error),
        };
        DeleteUserPayload::new(result, user_id, client_mutation_id)
    }

    /// Gives a role to a user, which takes effect within 5 seconds. The call is idempotent. The caller must have all permissions of the
    /// role and of the user. Requires the permission `user.role.assign`.
    ///
    /// User errors: `FORBIDDEN`, `NOT_FOUND`, `UNKNOWN_ROLE`, `NUMBER_OF_ROLES`, `PRECONDITION_FAILED`, `TENANT_SUSPENDED`.
    async fn assign_user_role(
        &self,
        ctx: &Context<'_>,
        input: AssignUserRoleInput,
    ) -> Result<AssignUserRolePayload> {
        let AssignUserRoleInput { user_id, role_id, version, client_mutation_id } = input;
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::assign_role(app, editor, id, version, role_reference(role_id))).await
            }
            Err(error) => Err(error),
        };
        AssignUserRolePayload::new(result, client_mutation_id)
    }

    /// Takes a role from a user, which takes effect within 5 seconds. The call is idempotent. The caller must have all permissions of
    /// the user. Requires the permission `user.role.assign`.
    ///
    /// User errors: `FORBIDDEN`, `NOT_FOUND`, `LAST_OWNER`, `NUMBER_OF_ROLES` if the user has no other role, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`.
    async fn remove_user_role(
        &self,
        ctx: &Context<'_>,
        input: RemoveUserRoleInput,
    ) -> Result<RemoveUserRolePayload> {
        let RemoveUserRoleInput { user_id, role_id, version, client_mutation_id } = input;
        let result = match target(ctx, &user_id, version)? {
            Ok(Target { app, editor, id, version }) => {
                Box::pin(app::users::remove_role(app, editor, id, version, role_reference(role_id))).await
            }
            Err(error) => Err(error),
        };
        RemoveUserRolePayload::new(result, client_mutation_id)
    }
}
