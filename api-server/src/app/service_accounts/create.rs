//! Creating and deleting service accounts.

use std::collections::HashSet;

use uuid::Uuid;

use super::AUDIT_KIND;
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        kubernetes::write_permit,
        tenants::active,
        users::{Editor, MAX_ROLES, check_covered, check_grant, permissions_of_roles},
    },
    store::{
        TenantTx,
        service_accounts::{self, NewServiceAccount, ServiceAccount},
    },
};

const ACTION: &str = "create the service account";
/// Maximum number of service accounts of a tenant.
const MAX_ACCOUNTS: i64 = 200;
/// Maximum length of a name, as in the database.
const MAX_NAME_BYTES: usize = 40;
/// Maximum length of a description, in characters.
const MAX_DESCRIPTION_LETTERS: usize = 500;

/// Parameters of a new service account.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name.
    pub name: String,
    /// Purpose of the account.
    pub description: Option<String>,
    /// Roles: 1 to 20.
    pub roles: Vec<String>,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a service account and returns it, or the account that an earlier attempt of the same request created.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has too many accounts; if the request is not valid, or grants what the caller
/// lacks; if the name is in use; or if the database fails.
pub async fn create(app: &App, editor: Editor, create: Create) -> Result<(ServiceAccount, Outcome), Error> {
    check(&create)?;
    let Create { name, description, roles, requested_by, key } = create;
    let action =
        KeyedAction::CreateServiceAccount { name: &name, description: description.as_deref(), roles: &roles };
    let claim = Claim::new(editor.scope, &requested_by, key, &action);
    let id = telemetry::ids::uuid_v7();
    let account = NewServiceAccount { id, name: &name, description: description.as_deref(), roles: &roles };
    let (id, outcome) = claim.run(app, insert(app, editor, &account)).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    let account = service_accounts::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(id), &account.name);
    Ok((account, outcome))
}

async fn insert(app: &App, editor: Editor, account: &NewServiceAccount<'_>) -> Result<Uuid, Error> {
    let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let pointer = |position: usize| format!("/roles/{position}");
    check_grant(&mut tx, editor.permissions, account.roles, ACTION, pointer).await?;
    let used = service_accounts::number(&mut tx).await?;
    if used >= MAX_ACCOUNTS {
        let kind = "service accounts";
        return Err(Error::TooManyObjects { action: ACTION, kind, used, limit: MAX_ACCOUNTS });
    }
    match service_accounts::insert(&mut tx, account).await {
        Err(error) if error.violates(service_accounts::NAME) => {
            let name = format!("a service account with the name {}", account.name);
            return Err(Error::AlreadyExists { action: ACTION, name });
        }
        inserted => inserted?,
    }
    audit::record_changes([Change::new("/roles", None, Some(account.roles.into()))]);
    tx.commit().await?;
    Ok(account.id)
}

/// Deletes a service account with its keys. Requests with them are refused within 5 s, on all replicas.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, if there is no such account, if it has permissions that the caller lacks, or if
/// the database fails.
pub async fn delete(app: &App, editor: Editor, id: Uuid) -> Result<(), Error> {
    const ACTION: &str = "delete the service account";
    let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let account = service_accounts::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &account.name);
    let permissions = permissions_of_roles(&mut tx, &account.roles).await?;
    check_covered(editor.permissions, permissions, ACTION)?;
    if !service_accounts::delete(&mut tx, id).await? {
        return Err(Error::NotFound);
    }
    audit::record_changes([Change::new("/roles", Some(account.roles.into()), None)]);
    Ok(tx.commit().await?)
}

fn check(create: &Create) -> Result<(), Error> {
    let Create { name, description, roles, requested_by: _, key: _ } = create;
    let mut violations = Vec::new();
    let is_inner = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len())
        && name.bytes().all(|letter| is_inner(letter) || letter == b'-')
        && name.bytes().next().is_some_and(|letter| letter.is_ascii_lowercase())
        && name.bytes().next_back().is_some_and(is_inner);
    if !is_name {
        let message = "must be 1 to 40 lower-case letters, digits and hyphens, begin with a letter and end with a letter or digit";
        violations.push(violation("/name", message.to_owned()));
    }
    let is_description = |text: &String| {
        let is_short = text.chars().count() <= MAX_DESCRIPTION_LETTERS;
        is_short && !text.trim().is_empty() && !text.chars().any(char::is_control)
    };
    if !description.as_ref().is_none_or(is_description) {
        let message =
            format!("must have 1 to {MAX_DESCRIPTION_LETTERS} characters, and no control characters");
        violations.push(violation("/description", message));
    }
    let distinct: HashSet<_> = roles.iter().collect();
    if !(1..=MAX_ROLES).contains(&roles.len()) || distinct.len() != roles.len() {
        violations.push(violation("/roles", format!("must have 1 to {MAX_ROLES} different roles")));
    }
    if violations.is_empty() { Ok(()) } else { Err(Error::InvalidRequest { action: ACTION, violations }) }
}

fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}
