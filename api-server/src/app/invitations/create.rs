//! Creating and revoking invitations.

use domain::identity::Email;
use jiff::SignedDuration;
use rand::{RngExt as _, distr::Alphanumeric};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{AUDIT_KIND, deliver};
use crate::{
    app::{
        App, Error,
        audit::{self, Change},
        idempotency::{Claim, IdempotencyKey, KeyedAction, Outcome},
        kubernetes::write_permit,
        tenants::active,
        users::{self as app_users, Editor, NewPerson},
    },
    mail,
    store::{
        TenantTx, UserStatus,
        invitations::{self, Delivery, Invitation, NewInvitation},
        tenants, users,
    },
};

const ACTION: &str = "create the invitation";
/// Text with which all tokens begin.
const PREFIX: &str = "smbi_";
/// Number of random letters of a token: 238 bits, which cannot be guessed.
const TOKEN_LETTERS: usize = 40;
/// Time for which an invitation can be accepted.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Maximum number of invitations of a tenant that can be accepted.
const MAX_PENDING: i64 = 1_000;

/// Parameters of a new invitation.
#[derive(Clone, Debug)]
pub struct Create {
    /// Person to invite.
    pub person: NewPerson,
    /// Email address of the caller.
    pub requested_by: String,
    /// Idempotency key of the request.
    pub key: Option<IdempotencyKey>,
}

/// New invitation with its token, which is not stored and cannot be shown again.
#[derive(Clone, Debug)]
pub struct Created {
    /// The invitation without its token.
    pub invitation: Invitation,
    /// The token; `None` if an earlier attempt of the same request has returned it.
    pub token: Option<String>,
}

/// Invites a person, for whom a user with the status `INVITED` is created unless the tenant has one already. The answer does not depend
/// on whether other tenants know the address. If an SMTP server is configured, the invitation is sent by mail afterwards.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, has too many invitations, has sent too many mails or has as many users as its plan
/// allows; if the request is not
/// valid, or grants what the caller lacks; if the person is a user already; or if the database fails.
pub async fn create(app: &App, editor: Editor, create: Create) -> Result<(Created, Outcome), Error> {
    let Create { person, requested_by, key } = create;
    let email = person.check(ACTION)?;
    let action = KeyedAction::CreateInvitation {
        email: email.as_str(),
        display_name: person.display_name.as_deref(),
        roles: &person.roles,
    };
    let claim = Claim::new(editor.scope, &requested_by, key, &action);
    let token = new_token();
    let work = async {
        let _permit = write_permit(app, editor.scope.tenant_id(), ACTION).await?;
        let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
        active(&mut tx).await?;
        check_pending(&mut tx).await?;
        let user = invited_user(&mut tx, editor, &person, &email).await?;
        let delivery = match &app.mailer {
            Some(_) => {
                deliver::count_mail(&mut tx, &email, ACTION).await?;
                Delivery::Pending
            }
            None => Delivery::NotConfigured,
        };
        let invitation = NewInvitation {
            id: telemetry::ids::uuid_v7(),
            user,
            digest: Sha256::digest(&token).into(),
            invited_by: &requested_by,
            expires_at: (telemetry::clock::now() + LIFETIME).into(),
            delivery,
        };
        invitations::insert(&mut tx, &invitation).await?;
        audit::record_changes([
            Change::new("/email", None, Some(email.as_str().into())),
            Change::new("/roles", None, Some(person.roles.as_slice().into())),
        ]);
        tx.commit().await?;
        Ok(invitation.id)
    };
    let (id, outcome) = claim.run(app, work).await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    let invitation = invitations::get(&mut tx, id).await?.ok_or(Error::CreatedObjectDeleted)?;
    audit::record_object(AUDIT_KIND, Some(id), &invitation.email);
    if outcome == Outcome::Replayed {
        return Ok((Created { invitation, token: None }, outcome));
    }
    if let Some(mailer) = &app.mailer {
        let mail = mail::Invitation {
            id,
            to: email,
            token: token.clone(),
            tenant_name: tenants::display_name(&mut tx).await?.unwrap_or_default(),
            invited_by: requested_by,
            expires_at: invitation.expires_at.to_jiff(),
        };
        deliver::start(app, mailer, editor.scope, mail);
    }
    Ok((Created { invitation, token: Some(token) }, outcome))
}

fn new_token() -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(TOKEN_LETTERS).map(char::from);
    PREFIX.chars().chain(letters).collect()
}

/// Checks that the tenant may have one more open invitation.
async fn check_pending(tx: &mut TenantTx) -> Result<(), Error> {
    let used = invitations::number_of_pending(tx).await?;
    let (kind, limit) = ("open invitations", MAX_PENDING);
    if used < limit { Ok(()) } else { Err(Error::TooManyObjects { action: ACTION, kind, used, limit }) }
}

/// Returns the ID of the user that the person becomes, who is created unless the person is invited with the same roles already.
async fn invited_user(
    tx: &mut TenantTx,
    editor: Editor,
    person: &NewPerson,
    email: &Email,
) -> Result<Uuid, Error> {
    match users::by_email_key(tx, email.key()).await? {
        None => app_users::insert_person(tx, editor, person, email, ACTION).await,
        // An earlier invitation may be lost: the same one can be repeated.
        Some(user) if user.status == UserStatus::Invited && is_same(&user.roles, &person.roles) => {
            app_users::check_power(tx, editor.permissions, &user, ACTION).await?;
            Ok(user.id)
        }
        Some(user) => {
            let name = format!("a user with the address {}", user.email);
            Err(Error::AlreadyExists { action: ACTION, name })
        }
    }
}

fn is_same(roles: &[String], others: &[String]) -> bool {
    roles.len() == others.len() && roles.iter().all(|role| others.contains(role))
}

/// Revokes an invitation: its token cannot be used any more. The user stays invited.
///
/// # Errors
/// Returns an error if the tenant accepts no writes, if there is no such invitation, or if the database fails.
pub async fn revoke(app: &App, editor: Editor, id: Uuid) -> Result<(), Error> {
    let _permit = write_permit(app, editor.scope.tenant_id(), "revoke the invitation").await?;
    let mut tx = TenantTx::begin(&app.db, editor.scope).await?;
    active(&mut tx).await?;
    let invitation = invitations::get(&mut tx, id).await?.ok_or(Error::NotFound)?;
    audit::record_object(AUDIT_KIND, Some(id), &invitation.email);
    if !invitations::delete(&mut tx, id).await? {
        return Err(Error::NotFound);
    }
    audit::record_changes([Change::new("/email", Some(invitation.email.into()), None)]);
    Ok(tx.commit().await?)
}
