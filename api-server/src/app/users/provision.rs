//! Users that an identity provider creates, changes and deletes (SCIM 2.0).

use domain::identity::Email;
use serde_json::Value;
use uuid::Uuid;

use super::{
    AUDIT_KIND, Editor, NewPerson, change, email_in_use, insert_person,
    profile::check_display_name,
    status::{Access, set_access},
};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
        kubernetes::write_permit,
        tenants::active,
    },
    auth::TenantScope,
    store::{
        TenantTx, User, UserStatus,
        users::{self, Attributes, ProvisionedUser, Selection},
    },
};

/// Role of users that an identity provider creates. Others come from the groups.
pub const DEFAULT_ROLE: &str = "member";

const CREATE: &str = "create the user";
const UPDATE: &str = "change the user";
const DELETE: &str = "delete the user";
/// Maximum length of a name at the identity provider, in bytes.
const MAX_USER_NAME_BYTES: usize = 254;
/// Maximum length of a given or family name, in characters.
const MAX_NAME_LETTERS: usize = 120;
/// Maximum length of an identifier that the identity provider has chosen, in characters.
const MAX_EXTERNAL_ID_LETTERS: usize = 255;

/// Attributes that an identity provider sets: absent ones stay, and `Some(None)` removes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provision {
    /// Name at the identity provider.
    pub user_name: Option<String>,
    /// Address. It cannot be changed later; a new user without one has its name as the address.
    pub email: Option<String>,
    /// Identifier that the identity provider has chosen.
    pub external_id: Option<Option<String>>,
    /// Full name.
    pub display_name: Option<Option<String>>,
    /// Given name.
    pub given_name: Option<Option<String>>,
    /// Family name.
    pub family_name: Option<Option<String>>,
    /// Whether the user can log in.
    pub active: Option<bool>,
}

/// Returns a user with the attributes of identity providers.
///
/// # Errors
/// Returns an error if there is no such user, or if the database fails.
pub async fn get_provisioned(app: &App, scope: TenantScope, id: Uuid) -> Result<ProvisionedUser, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    users::get_provisioned(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Returns a page of the users of the tenant, the oldest first, and the number of all that match. `offset` is the number of users before
/// the page.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn list_provisioned(
    app: &App,
    scope: TenantScope,
    selection: Selection,
    offset: i64,
    limit: i64,
) -> Result<(Vec<ProvisionedUser>, i64), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let total = users::count_provisioned(&mut tx, selection.clone()).await?;
    let page = match limit {
        0 => Vec::new(),
        limit => users::list_provisioned(&mut tx, selection, offset, limit).await?,
    };
    Ok((page, total))
}

/// Creates a user with the role [`DEFAULT_ROLE`], who is invited, or deactivated if it shall not be active.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has as many users as its plan allows; if an attribute is not valid; if the caller
/// lacks a permission of the role; if the tenant has a user with the address or the name; or if the database fails.
pub async fn provision(app: &App, editor: Editor, provision: Provision) -> Result<ProvisionedUser, Error> {
    let email = provision.email.as_ref().or(provision.user_name.as_ref()).cloned().unwrap_or_default();
    let person = NewPerson {
        email,
        display_name: provision.display_name.clone().flatten(),
        picture_url: None,
        roles: vec![DEFAULT_ROLE.to_owned()],
    };
    if provision.user_name.is_none() {
        return Err(invalid(CREATE, vec![violation("/userName", "is required")]));
    }
    check(CREATE, &provision)?;
    let email = person.check(CREATE)?;
    let _permit = write_permit(app, editor.scope.tenant_id(), CREATE).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let id = insert_person(&mut tx, editor, &person, &email, CREATE).await?;
    audit::record_object(AUDIT_KIND, Some(id), email.as_str());
    let created = users::get_provisioned(&mut tx, id).await?.ok_or(Error::NotFound)?;
    let mut changes = vec![
        Change::new("/email", None, Some(email.as_str().into())),
        Change::new("/roles", None, Some(person.roles.as_slice().into())),
    ];
    changes.extend(apply(&mut tx, created, provision, CREATE).await?);
    audit::record_changes(changes);
    let created = users::get_provisioned(&mut tx, id).await?.ok_or(Error::NotFound)?;
    tx.commit().await?;
    Ok(created)
}

/// Changes a user and returns it. `version` is the version that it must have, or `None`.
///
/// # Errors
/// Returns an error if an attribute is not valid, if the address would change, or as [`change`] does.
pub async fn reprovision(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    provision: Provision,
) -> Result<ProvisionedUser, Error> {
    check(UPDATE, &provision)?;
    let changed = change(app, editor, id, version, UPDATE, async |tx, user: &User| {
        let user = users::get_provisioned(tx, user.id).await?.ok_or(Error::NotFound)?;
        let changes = apply(tx, user, provision, UPDATE).await?;
        audit::record_changes(changes);
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)?;
    get_provisioned(app, editor.scope, id).await
}

/// Deletes a user, who is deactivated before if it is active. `version` is the version that it must have, or `None`.
///
/// # Errors
/// Returns an error if the user is the last active owner, or as [`change`] does.
pub async fn delete_provisioned(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
) -> Result<(), Error> {
    let changed = change(app, editor, id, version, DELETE, async |tx, user: &User| {
        let change = set_access(tx, user, Access::Revoked).await?;
        users::delete(tx, id).await?;
        let before = change.and_then(|change| change.before).unwrap_or_else(|| "DEACTIVATED".into());
        audit::record_changes([Change::new("/status", Some(before), None)]);
        Ok(())
    });
    changed.await.map(drop)
}

/// Applies attributes to a user, and returns the changes.
async fn apply(
    tx: &mut TenantTx,
    before: ProvisionedUser,
    provision: Provision,
    action: &'static str,
) -> Result<Vec<Change>, Error> {
    let Provision { user_name, email, external_id, display_name, given_name, family_name, active } =
        provision;
    let ProvisionedUser { user, .. } = &before;
    let address = Email::parse(&user.email).map_err(|_| Error::NotFound)?;
    if email.is_some_and(|email| !Email::parse(&email).is_ok_and(|email| email.key() == address.key())) {
        let message =
            "an address cannot be changed: delete the user, and create it again with the new address";
        let violation = Violation { code: "immutable".to_owned(), ..violation("/emails", message) };
        return Err(invalid(action, vec![violation]));
    }
    let mut changes = Vec::new();
    let display_name = display_name.unwrap_or_else(|| user.display_name.clone());
    if display_name != user.display_name {
        users::set_profile(tx, user.id, display_name.as_deref(), user.picture_url.as_deref()).await?;
        changes.push(difference("/displayName", user.display_name.clone(), display_name));
    }
    let after = ProvisionedUser {
        user: user.clone(),
        user_name: match user_name {
            Some(name) => Some(name).filter(|name| name_key(name) != address.key()),
            None => before.user_name.clone(),
        },
        given_name: given_name.unwrap_or_else(|| before.given_name.clone()),
        family_name: family_name.unwrap_or_else(|| before.family_name.clone()),
        external_id: external_id.unwrap_or_else(|| before.external_id.clone()),
    };
    if after != before {
        let key = after.user_name.as_deref().map(name_key);
        let attributes = Attributes {
            user_name: after.user_name.as_deref().zip(key.as_deref()),
            given_name: after.given_name.as_deref(),
            family_name: after.family_name.as_deref(),
            external_id: after.external_id.as_deref(),
        };
        let name = after.user_name.as_deref().unwrap_or(&user.email);
        users::set_attributes(tx, user.id, attributes)
            .await
            .map_err(|error| email_in_use(error, action, name))?;
        for (field, before, after) in [
            ("/userName", &before.user_name, &after.user_name),
            ("/givenName", &before.given_name, &after.given_name),
            ("/familyName", &before.family_name, &after.family_name),
            ("/externalId", &before.external_id, &after.external_id),
        ] {
            if before != after {
                changes.push(difference(field, before.clone(), after.clone()));
            }
        }
    }
    let access = active.map(|active| if active { Access::Permitted } else { Access::Revoked });
    if let Some(access) = access {
        changes.extend(set_access(tx, user, access).await?);
    }
    Ok(changes)
}

/// Returns the form of a name at the identity provider that is compared. Names that are addresses are compared like addresses.
#[must_use]
pub fn name_key(name: &str) -> String {
    Email::parse(name).map_or_else(|_| name.to_lowercase(), |email| email.key().to_owned())
}

fn difference(field: &str, before: Option<String>, after: Option<String>) -> Change {
    Change::new(field, before.map(Value::from), after.map(Value::from))
}

/// Checks all attributes that an address does not have.
fn check(action: &'static str, provision: &Provision) -> Result<(), Error> {
    let Provision { user_name, email: _, external_id, display_name, given_name, family_name, active: _ } =
        provision;
    let mut violations = Vec::new();
    let is_visible = |text: &str| !text.trim().is_empty() && !text.chars().any(char::is_control);
    let is_name =
        |name: &String| is_visible(name) && name_key(name).len().max(name.len()) <= MAX_USER_NAME_BYTES;
    if user_name.as_ref().is_some_and(|name| !is_name(name)) {
        let message = format!("must have 1 to {MAX_USER_NAME_BYTES} bytes, and no control characters");
        violations.push(violation("/userName", message));
    }
    violations.extend(display_name.iter().flatten().filter_map(|name| check_display_name(name)));
    for (pointer, value, limit) in [
        ("/name/givenName", given_name, MAX_NAME_LETTERS),
        ("/name/familyName", family_name, MAX_NAME_LETTERS),
        ("/externalId", external_id, MAX_EXTERNAL_ID_LETTERS),
    ] {
        let is_valid = |text: &String| is_visible(text) && text.chars().count() <= limit;
        if value.iter().flatten().any(|text| !is_valid(text)) {
            let message = format!("must have 1 to {limit} characters, and no control characters");
            violations.push(violation(pointer, message));
        }
    }
    if violations.is_empty() { Ok(()) } else { Err(invalid(action, violations)) }
}

fn invalid(action: &'static str, violations: Vec<Violation>) -> Error {
    Error::InvalidRequest { action, violations }
}

fn violation(pointer: &str, message: impl Into<String>) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message: message.into() }
}

/// Returns whether a user can log in, or could if it had an identity.
#[must_use]
pub fn is_active(user: &User) -> bool {
    user.status != UserStatus::Deactivated
}
