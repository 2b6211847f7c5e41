//! Creating users.

use std::collections::HashSet;

use domain::identity::Email;
use uuid::Uuid;

use super::{
    AUDIT_KIND, Editor, email_in_use,
    grant::{MAX_ROLES, check_grant},
    profile::{check_display_name, check_picture_url},
};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        kubernetes::write_permit,
        tenants::active,
    },
    store::{
        TenantTx, User, UserStatus,
        users::{self, NewUser},
    },
};

const ACTION: &str = "create the user";
/// Maximum number of users of a tenant whose plan sets no limit.
const MAX_USERS: i64 = 10_000;

/// Parameters of a new user.
#[derive(Clone, Debug)]
pub struct Create {
    /// Address.
    pub email: String,
    /// Full name.
    pub display_name: Option<String>,
    /// URL of a picture.
    pub picture_url: Option<String>,
    /// Roles: 1 to 20.
    pub roles: Vec<String>,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a user with the status `INVITED`, and returns it, or the user that an earlier attempt of the same request created.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has as many users as its plan allows; if the request is not valid, or grants
/// what the caller lacks; if the tenant has a user with the address; or if the database fails.
pub async fn create(app: &App, editor: Editor, create: Create) -> Result<(User, Outcome), Error> {
    let email = check(&create)?;
    let Create { email: _, display_name, picture_url, roles, requested_by, key } = create;
    let action = KeyedAction::CreateUser {
        email: email.as_str(),
        display_name: display_name.as_deref(),
        picture_url: picture_url.as_deref(),
        roles: &roles,
    };
    let claim = Claim::new(editor.scope, &requested_by, key, &action);
    let user = NewUser {
        id: telemetry::ids::uuid_v7(),
        email: &email,
        display_name: display_name.as_deref(),
        picture_url: picture_url.as_deref(),
        status: UserStatus::Invited,
        roles: &roles,
    };
    let (id, outcome) = claim.run(app, insert(app, editor, &user)).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    let user = users::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &user.email);
    Ok((user, outcome))
}

async fn insert(app: &App, editor: Editor, user: &NewUser<'_>) -> Result<Uuid, Error> {
    let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let pointer = |position: usize| format!("/roles/{position}");
    check_grant(&mut tx, editor.permissions, user.roles, ACTION, pointer).await?;
    check_limit(&mut tx).await?;
    let email = user.email.as_str();
    users::insert(&mut tx, user).await.map_err(|error| email_in_use(error, ACTION, email))?;
    audit::record_changes([
        Change::new("/email", None, Some(email.into())),
        Change::new("/roles", None, Some(user.roles.into())),
    ]);
    tx.commit().await?;
    Ok(user.id)
}

/// Checks that the tenant may have one more user.
///
/// # Errors
/// Returns an error if the limit of its plan is reached, or if the database fails.
pub(super) async fn check_limit(tx: &mut TenantTx) -> Result<(), Error> {
    let (used, limit) = users::number_and_limit(tx).await?;
    let limit = limit.unwrap_or(MAX_USERS);
    if used < limit { Ok(()) } else { Err(Error::UserLimit { used, limit }) }
}

fn check(create: &Create) -> Result<Email, Error> {
    let Create { email, display_name, picture_url, roles, requested_by: _, key: _ } = create;
    let parsed = Email::parse(email).map_err(|error| violation("/email", error.to_string()));
    let mut violations: Vec<_> = parsed.clone().err().into_iter().collect();
    violations.extend(display_name.as_deref().and_then(check_display_name));
    violations.extend(picture_url.as_deref().and_then(check_picture_url));
    let distinct: HashSet<_> = roles.iter().collect();
    if !(1..=MAX_ROLES).contains(&roles.len()) || distinct.len() != roles.len() {
        violations.push(violation("/roles", format!("must have 1 to {MAX_ROLES} different roles")));
    }
    match parsed {
        Ok(email) if violations.is_empty() => Ok(email),
        _ => Err(Error::InvalidRequest { action: ACTION, violations }),
    }
}

fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}
