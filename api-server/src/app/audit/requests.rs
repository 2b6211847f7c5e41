//! Builds the operation that the audit log records for a request.

use tokio_util::sync::CancellationToken;

use crate::{
    app::{
        App,
        audit::{Ending, Operation, audited},
    },
    auth::{Login, Origin, Principal, Rule},
    store::audit::{Actor, ActorKind, PLATFORM_CHAIN, Writer},
};

/// Maximum number of roles of an actor, and their maximum length in bytes.
const MAX_ROLES: usize = 20;
const MAX_ROLE_BYTES: usize = 64;
/// Maximum duration of a request, in seconds: it waits for a run for 55 s at most, and is answered within 15 s after that. A write
/// that goes on without its client ends within some seconds.
const MAX_REQUEST_SECONDS: i32 = 180;
/// Name of the login of a person with a browser in the audit log.
const LOGIN: &str = "user.login";
/// Name of the first login of a person in the audit log.
const FIRST_LOGIN: &str = "user.login.first";
/// Code of the problem of a principal that lacks a permission.
const FORBIDDEN: &str = "forbidden";
/// Prefix of the permissions to administer the platform.
const PLATFORM_PREFIX: &str = "platform.";

/// Returns the operation that a request executes. Operations of a tenant belong to its chain; those of the platform, and of callers
/// without a tenant, to that of the platform.
#[must_use]
pub fn operation_of(app: &App, principal: &Principal, name: &str, rule: Rule) -> Operation {
    let Principal {
        email,
        issuer,
        subject,
        roles,
        permissions: _,
        tenant,
        platform,
        mfa: _,
        user: _,
        api_key: _,
        scopes: _,
        session: _,
        origin,
    } = principal;
    let action = match rule {
        Rule::Permitted(permission) => permission.name(),
        Rule::Authenticated => "authenticated",
        Rule::Public => "public",
    };
    let is_platform = platform.is_some() && action.starts_with(PLATFORM_PREFIX);
    let chain = tenant.as_ref().filter(|_| !is_platform).map(|tenant| tenant.scope.tenant_id());
    let roles = roles.iter().filter(|role| role.len() <= MAX_ROLE_BYTES).take(MAX_ROLES);
    Operation {
        writer: Writer::Requests(app.db.clone()),
        tasks: app.writes.clone(),
        chain: chain.unwrap_or(PLATFORM_CHAIN),
        name: name.to_owned(),
        action,
        actor: Actor {
            kind: if chain.is_some() { ActorKind::User } else { ActorKind::PlatformUser },
            issuer: Some(issuer.clone()),
            subject: subject.clone(),
            email: Some(email.clone()),
            roles: roles.cloned().collect(),
        },
        origin: (**origin).clone(),
        open_seconds: MAX_REQUEST_SECONDS,
        client_gone: CancellationToken::new(),
    }
}

/// Returns the operation of the first login of a person, who is not a principal yet.
#[must_use]
pub fn operation_of_login(app: &App, login: &Login, origin: &Origin) -> Operation {
    let Login { scope, issuer, subject, email, name: _, admission: _ } = login;
    Operation {
        writer: Writer::Requests(app.db.clone()),
        tasks: app.writes.clone(),
        chain: scope.tenant_id(),
        name: FIRST_LOGIN.to_owned(),
        action: FIRST_LOGIN,
        actor: Actor {
            kind: ActorKind::User,
            issuer: Some(issuer.clone()),
            subject: Some(subject.clone()),
            email: Some(email.clone()),
            roles: Vec::new(),
        },
        origin: origin.clone(),
        open_seconds: MAX_REQUEST_SECONDS,
        client_gone: CancellationToken::new(),
    }
}

/// Records that a principal lacks the permission for a read, once a minute for each operation. A row that cannot be written does not
/// change the response: nothing was read.
pub async fn record_refused_read(app: &App, principal: &Principal, name: &str, rule: Rule) {
    let operation = operation_of(app, principal, name, rule);
    if !app.limits.should_audit_refused_read(operation.chain, &principal.email, name) {
        return;
    }
    if let Err(error) = audited(operation, async {}, |()| Ending::Refused(FORBIDDEN)).await {
        let error: &(dyn std::error::Error + 'static) = &error;
        tracing::warn!(error, "failed to record that a read was refused");
    }
}

/// Returns the operation of a login with a browser.
#[must_use]
pub fn operation_of_session(app: &App, principal: &Principal) -> Operation {
    let operation = operation_of(app, principal, LOGIN, Rule::Authenticated);
    Operation { action: LOGIN, ..operation }
}
