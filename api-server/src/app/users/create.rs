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

/// Person to become a user.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Address.
    pub email: String,
    /// Full name.
    pub display_name: Option<String>,
    /// URL of a picture.
    pub picture_url: Option<String>,
    /// Roles: 1 to 20.
    pub roles: Vec<String>,
}

/// Parameters of a new user.
#[derive(Clone, Debug)]
pub struct Create {
    /// Person.
    pub person: NewPerson,
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
    let Create { person, requested_by, key } = create;
    let email = person.check(ACTION)?;
    let action = KeyedAction::CreateUser {
        email: email.as_str(),
        display_name: person.display_name.as_deref(),
        picture_url: person.picture_url.as_deref(),
        roles: &person.roles,
    };
    let claim = Claim::new(editor.scope, &requested_by, key, &action);
    let work = async {
        let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
        let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
        active(&mut tx).await?;
        let id = insert_person(&mut tx, editor, &person, &email, ACTION).await?;
        audit::record_changes([
            Change::new("/email", None, Some(email.as_str().into())),
            Change::new("/roles", None, Some(person.roles.as_slice().into())),
        ]);
        tx.commit().await?;
        Ok(id)
    };
    let (id, outcome) = claim.run(app, work).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    let user = users::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(id), &user.email);
    Ok((user, outcome))
}

/// Creates the user of a person, with the status `INVITED`, and returns its ID.
///
/// # Errors
/// Returns an error if the roles do not exist or have permissions that the caller lacks; if the plan allows no more users; if the
/// tenant has a user with the address; or if the database fails.
pub(in crate::app) async fn insert_person(
    tx: &mut TenantTx,
    editor: Editor,
    person: &NewPerson,
    email: &Email,
    action: &'static str,
) -> Result<Uuid, Error> {
    let NewPerson { email: _, display_name, picture_url, roles } = person;
    let pointer = |position: usize| format!("/roles/{position}");
    check_grant(tx, editor.permissions, roles, action, pointer).await?;
    check_limit(tx).await?;
    let user = NewUser {
        id: telemetry::ids::uuid_v7(),
        email,
        display_name: display_name.as_deref(),
        picture_url: picture_url.as_deref(),
        status: UserStatus::Invited,
        roles,
    };
    users::insert(tx, &user).await.map_err(|error| email_in_use(error, action, email.as_str()))?;
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

impl NewPerson {
    /// Checks all fields except whether the roles exist, and returns the address.
    ///
    /// # Errors
    /// Returns an error with everything that is not valid.
    pub(in crate::app) fn check(&self, action: &'static str) -> Result<Email, Error> {
        let Self { email, display_name, picture_url, roles } = self;
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
            _ => Err(Error::InvalidRequest { action, violations }),
        }
    }
}

fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}
