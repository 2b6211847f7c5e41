//! Sending an invitation by mail, after it was created. The token is not stored, so only the process that has created the invitation can
//! send it: see decision 40.

use std::{sync::Arc, time::Duration};

use domain::identity::Email;
use sha2::{Digest as _, Sha256};
use telemetry::errors::chain;
use uuid::Uuid;

use crate::{
    app::{App, Error},
    auth::TenantScope,
    mail::{self, Mailer},
    store::{
        TenantTx,
        invitations::{self, DeliveryFailure, MailCount},
    },
};

/// Maximum number of mails of a tenant in an hour: enough for a team that moves in, and too few for a flood.
const MAX_MAILS_PER_HOUR: i64 = 50;
/// Maximum number of mails of a tenant to one address in a day: enough to repeat one that was lost.
const MAX_MAILS_PER_ADDRESS: i64 = 3;
/// Time for which a mail waits for others of its tenant. All mails of an hour are sent within it, one second each.
const PERMIT_TIMEOUT: Duration = Duration::from_secs(180);
/// Time that a mail has once the process shuts down. It is shorter than what requests in progress have.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

/// Counts one more mail of the tenant.
///
/// # Errors
/// Returns an error if the tenant has sent too many, or if the database fails.
pub(super) async fn count_mail(tx: &mut TenantTx, email: &Email, action: &'static str) -> Result<(), Error> {
    let digest = Sha256::digest(email.key()).into();
    let MailCount { in_hour, hour_seconds, to_address, address_seconds } =
        invitations::count_mails(tx, digest).await?;
    if in_hour >= MAX_MAILS_PER_HOUR {
        return Err(Error::TooManyMails {
            action,
            subject: format!("{in_hour} mails of the tenant were sent"),
            window: "hour",
            limit: MAX_MAILS_PER_HOUR,
            seconds: u64::try_from(hour_seconds).unwrap_or_default(),
        });
    }
    if to_address >= MAX_MAILS_PER_ADDRESS {
        return Err(Error::TooManyMails {
            action,
            subject: format!("{to_address} mails of the tenant were sent to this address"),
            window: "day",
            limit: MAX_MAILS_PER_ADDRESS,
            seconds: u64::try_from(address_seconds).unwrap_or_default(),
        });
    }
    Ok(invitations::insert_mail(tx, telemetry::ids::uuid_v7(), digest).await?)
}

/// Starts to send the mail of an invitation, and records what becomes of it. The caller does not wait.
pub(super) fn start(app: &App, mailer: &Arc<Mailer>, scope: TenantScope, mail: mail::Invitation) {
    let (app, mailer, scope) = (app.clone(), mailer.clone(), scope.unrestricted());
    app.writes.clone().spawn(async move {
        let result = deliver(&app, &mailer, scope.tenant_id(), &mail).await;
        if let Err(error) = record(&app, scope, mail.id, result).await {
            tracing::warn!(
                tenant.id = %scope.tenant_id(),
                invitation.id = %mail.id,
                error = chain(&error),
                "failed to record whether the mail of an invitation was sent"
            );
        }
    });
}

async fn deliver(
    app: &App,
    mailer: &Mailer,
    tenant: Uuid,
    mail: &mail::Invitation,
) -> Result<(), DeliveryFailure> {
    let send = async {
        let permit = app.limits.mails.acquire_within(&tenant, 1, PERMIT_TIMEOUT).await;
        let _permit = permit.map_err(|_| DeliveryFailure::Unavailable)?;
        mailer.send_invitation(mail).await.map_err(|error| {
            tracing::warn!(
                tenant.id = %tenant,
                invitation.id = %mail.id,
                error = chain(&error),
                "failed to send the mail of an invitation"
            );
            if error.is_refusal() { DeliveryFailure::Refused } else { DeliveryFailure::Unavailable }
        })
    };
    let stopped = async {
        app.shutdown.cancelled().await;
        tokio::time::sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        result = send => result,
        () = stopped => Err(DeliveryFailure::Interrupted),
    }
}

async fn record(
    app: &App,
    scope: TenantScope,
    id: Uuid,
    result: Result<(), DeliveryFailure>,
) -> Result<(), Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    invitations::record_delivery(&mut tx, id, result, telemetry::clock::now().into()).await?;
    Ok(tx.commit().await?)
}
