//! The first login of a person: an invited user gets the identity of the person, or a user is created.

use domain::identity::Email;

use super::{AUDIT_KIND, create::check_limit, email_in_use};
use crate::{
    app::{
        App, Error,
        audit::{self, Change, Ending, audited, operation_of_login},
        enum_names::serde_name,
        kubernetes::write_permit,
        tenants::active,
    },
    auth::{Admission, Login, Origin},
    store::{
        self, TenantTx, UserStatus, invitations,
        users::{self, NewIdentity, NewUser},
    },
};

const ACTION: &str = "admit the person";

/// Gives an identity to an invited user, or to a new one, as a verified token permits. If another request of the person was faster,
/// nothing is changed.
///
/// # Errors
/// Returns an error if the tenant accepts no writes or has as many users as its plan allows; if another user has the address; or if
/// the database fails.
pub async fn admit(app: &App, login: &Login, origin: &Origin) -> Result<(), Error> {
    let operation = operation_of_login(app, login, origin);
    let ending = |result: &Result<(), Error>| match result {
        Ok(()) => Ending::Succeeded,
        Err(Error::Store(source)) if source.is_transient() => Ending::Failed("unavailable"),
        Err(_) => Ending::Refused("user_unknown"),
    };
    audited(operation, bind(app, login), ending).await?
}

async fn bind(app: &App, login: &Login) -> Result<(), Error> {
    let Login { scope, issuer, subject, email, name, admission } = login;
    let _permit = write_permit(app, scope.tenant_id(), ACTION).await?;
    let mut tx = TenantTx::begin(&app.db, *scope).await?;
    active(&mut tx).await?;
    let in_use = |error: store::Error| email_in_use(error, ACTION, email);
    let user = match admission {
        Admission::Invitation { invitation, user } => {
            let is_active = users::activate(&mut tx, *user, name.as_deref()).await.map_err(in_use)?;
            if !is_active || !invitations::accept(&mut tx, *invitation).await? {
                return Ok(());
            }
            audit::record_changes([activation()]);
            *user
        }
        Admission::Invited { user } => {
            if !users::activate(&mut tx, *user, name.as_deref()).await.map_err(in_use)? {
                return Ok(());
            }
            audit::record_changes([activation()]);
            *user
        }
        Admission::JustInTime { role } => {
            check_limit(&mut tx).await?;
            let parsed = Email::parse(email).map_err(|_| Error::NotFound)?;
            let id = telemetry::ids::uuid_v7();
            let roles = [role.clone()];
            let user = NewUser {
                id,
                email: &parsed,
                display_name: name.as_deref(),
                picture_url: None,
                status: UserStatus::Active,
                roles: &roles,
            };
            users::insert(&mut tx, &user).await.map_err(in_use)?;
            audit::record_changes([
                Change::new("/status", None, Some(serde_name(&UserStatus::Active).into())),
                Change::new("/roles", None, Some(role.as_str().into())),
            ]);
            id
        }
    };
    audit::record_object(AUDIT_KIND, Some(user), email);
    match users::bind(&mut tx, NewIdentity { issuer, subject, user }).await {
        Err(error) if error.violates(users::IDENTITY) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(tx.commit().await?),
    }
}

/// Returns the change of an invited user who has logged in.
fn activation() -> Change {
    let [before, after] = [UserStatus::Invited, UserStatus::Active].map(|status| serde_name(&status).into());
    Change::new("/status", Some(before), Some(after))
}
