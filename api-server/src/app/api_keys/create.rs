//! Creating API keys.

use domain::permission::Permissions;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::{AUDIT_KIND, CreatedKey, new_secret};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        kubernetes::write_permit,
        tenants::active,
        users::{Editor, check_covered, permissions_of_roles},
    },
    store::{
        TenantTx,
        api_keys::{self, NewKey},
        service_accounts,
    },
};

const ACTION: &str = "create the API key";
/// Maximum number of keys of a tenant.
const MAX_KEYS: i64 = 1_000;
/// Maximum number of scopes of a key.
const MAX_SCOPES: usize = 64;
/// Maximum length of a name, in characters.
const MAX_NAME_LETTERS: usize = 120;
/// Lifetime of a key without an expiry.
const DEFAULT_LIFETIME: SignedDuration = SignedDuration::from_hours(90 * 24);
/// Maximum lifetime of a key.
const MAX_LIFETIME: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Caller who creates keys.
#[derive(Clone, Copy, Debug)]
pub struct Creator {
    /// Tenant and permissions of the caller.
    pub editor: Editor,
    /// User of the caller; `None` if it is a service account, or if the claims of a token alone identify it.
    pub user: Option<Uuid>,
}

/// Parameters of a new key.
#[derive(Clone, Debug)]
pub struct Create {
    /// Name.
    pub name: String,
    /// Nodes of the permission tree, 1 to 64.
    pub scopes: Vec<String>,
    /// Time after which the key is refused; 90 days from now if `None`.
    pub expires_at: Option<Timestamp>,
    /// Service account that owns the key; the user of the caller if `None`.
    pub service_account: Option<Uuid>,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// Creates a key, and returns it with its secret, or without it if an earlier attempt of the same request created the key.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has too many keys; if the request is not valid, or grants what the caller
/// lacks; if there is no such service account; or if the database fails.
pub async fn create(app: &App, creator: Creator, create: Create) -> Result<(CreatedKey, Outcome), Error> {
    let now = telemetry::clock::now();
    let scoped = check(&create, creator, now)?;
    let Create { name, scopes, expires_at, service_account, requested_by, key } = create;
    let scope = creator.editor.scope;
    let action = KeyedAction::CreateApiKey {
        name: &name,
        scopes: &scopes,
        expires_at: expires_at.map(|time| time.to_string()),
        service_account,
    };
    let claim = Claim::new(scope, &requested_by, key, &action);
    let secret = new_secret();
    let new = NewKey {
        id: telemetry::ids::uuid_v7(),
        user: creator.user.filter(|_| service_account.is_none()),
        service_account,
        name: &name,
        digest: secret.digest(),
        prefix: secret.shown(),
        scopes: &scopes,
        expires_at: expires_at.unwrap_or(now + DEFAULT_LIFETIME).into(),
    };
    let (id, outcome) = claim.run(app, insert(app, creator.editor, &new, scoped)).await?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let key = api_keys::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(id), &key.name);
    Ok((CreatedKey { key, secret: (outcome == Outcome::Created).then_some(secret) }, outcome))
}

async fn insert(app: &App, editor: Editor, key: &NewKey<'_>, scoped: Permissions) -> Result<Uuid, Error> {
    let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    if let Some(id) = key.service_account {
        let account = service_accounts::get(&mut tx, id).await?;
        let account = account.ok_or_else(unknown_account)?;
        // A key of a service account has no more permissions than the account.
        let held = permissions_of_roles(&mut tx, &account.roles).await?;
        check_covered(editor.permissions, held.without(held.without(scoped)), ACTION)?;
    }
    let used = api_keys::number(&mut tx).await?;
    if used >= MAX_KEYS {
        return Err(Error::TooManyObjects { action: ACTION, kind: "API keys", used, limit: MAX_KEYS });
    }
    api_keys::insert(&mut tx, key).await?;
    audit::record_changes([
        Change::new("/prefix", None, Some(key.prefix.into())),
        Change::new("/scopes", None, Some(key.scopes.into())),
        Change::new("/expiresAt", None, Some(key.expires_at.to_jiff().to_string().into())),
    ]);
    tx.commit().await?;
    Ok(key.id)
}

/// Checks the fields of a new key, and returns the permissions of its scopes.
fn check(create: &Create, creator: Creator, now: Timestamp) -> Result<Permissions, Error> {
    let Create { name, scopes, expires_at, service_account, requested_by: _, key: _ } = create;
    let mut violations = Vec::new();
    let is_visible = !name.trim().is_empty() && !name.chars().any(char::is_control);
    if !is_visible || name.chars().count() > MAX_NAME_LETTERS {
        let message = format!("must have 1 to {MAX_NAME_LETTERS} characters, and no control characters");
        violations.push(violation("/name".to_owned(), message));
    }
    if !(1..=MAX_SCOPES).contains(&scopes.len()) {
        violations.push(violation("/scopes".to_owned(), format!("must have 1 to {MAX_SCOPES} scopes")));
    }
    let mut scoped = Permissions::NONE;
    for (position, node) in scopes.iter().enumerate().take(MAX_SCOPES) {
        match Permissions::of_node(node) {
            Ok(permissions) => scoped = scoped.union(permissions),
            Err(error) => violations.push(violation(format!("/scopes/{position}"), error.to_string())),
        }
    }
    let is_possible = |time: &Timestamp| *time > now && time.duration_since(now) <= MAX_LIFETIME;
    if expires_at.as_ref().is_some_and(|time| !is_possible(time)) {
        let message = "must be in the future, and at most 366 days from now".to_owned();
        violations.push(violation("/expiresAt".to_owned(), message));
    }
    if service_account.is_none() && creator.user.is_none() {
        let message =
            "is required, because the caller is not a user: a key belongs to a user or a service account";
        violations.push(violation("/serviceAccountId".to_owned(), message.to_owned()));
    }
    if !violations.is_empty() {
        return Err(Error::InvalidRequest { action: ACTION, violations });
    }
    if service_account.is_none() {
        // The key of a user is narrower than the user. A scope that the user lacks would grant something once the user gets it.
        check_covered(creator.editor.permissions, scoped, ACTION)?;
    }
    Ok(scoped)
}

fn unknown_account() -> Error {
    let violations =
        vec![violation("/serviceAccountId".to_owned(), "must be the ID of a service account".to_owned())];
    Error::InvalidRequest { action: ACTION, violations }
}

fn violation(pointer: String, message: String) -> Violation {
    Violation { pointer, code: "invalid".to_owned(), message }
}
