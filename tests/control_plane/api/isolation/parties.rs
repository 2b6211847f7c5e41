//! Three tenants of one api-server, each with a workflow and runs.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};
use tests::api::ApiResponse;

use super::super::server::Server;

/// Id of an object that no tenant has.
pub(super) const MISSING: &str = "00000000-0000-4000-8000-000000000000";
/// PNG of one pixel, in Base64.
const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgaPgPAAIDAYAanCY7AAAAAElFTkSuQmCC";
/// Name of the only step and of the only revision of each workflow.
pub(super) const NAME: &str = "shape";
/// All roles that the administrators of a tenant can assign.
const ROLES: [&str; 8] = ["owner", "admin", "builder", "operator", "member", "viewer", "billing", "auditor"];

/// Kind of an object with an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Tenant,
    Workflow,
    /// A run that has succeeded.
    FinishedRun,
    /// A run that waits.
    QueuedRun,
    /// A user.
    User,
    /// A user to delete: the other operations still need the first one.
    DeletedUser,
    /// A service account.
    ServiceAccount,
    /// A service account to delete.
    DeletedServiceAccount,
    /// An API key of the service account.
    ApiKey,
    /// An API key to revoke.
    DeletedApiKey,
    /// An invitation.
    Invitation,
    /// An invitation to revoke.
    DeletedInvitation,
    /// A role that the tenant has created.
    Role,
    /// A role to delete.
    DeletedRole,
    /// A policy.
    Policy,
    /// A policy to delete.
    DeletedPolicy,
    /// A document with a content.
    Document,
    /// A document to delete.
    DeletedDocument,
}

/// A tenant with the ids of its objects and a user who has all roles.
pub(super) struct Party {
    pub(super) slug: String,
    pub(super) token: String,
    ids: BTreeMap<Kind, String>,
}

/// Starts an api-server with three tenants.
pub(super) async fn start() -> anyhow::Result<(Server, Vec<Party>)> {
    let server = Server::start().await?;
    let mut parties = Vec::new();
    for _ in 0..3 {
        parties.push(Party::create(&server).await?);
    }
    Ok((server, parties))
}

impl Party {
    async fn create(server: &Server) -> anyhow::Result<Self> {
        let tenant = server.another_tenant().await?;
        let token = server.issuer().token_with_roles(&tenant.slug, &ROLES)?;
        tenant.store_revision(NAME).await?;
        let mut ids = BTreeMap::from([(Kind::Workflow, tenant.workflow.clone())]);
        let path = format!("/v1/workflows/{}/runs", tenant.workflow);
        for kind in [Kind::FinishedRun, Kind::QueuedRun] {
            let run =
                server.send_as(&token, Method::POST, &path, &json!({"input": {"total": 1}})).await?.body;
            if kind == Kind::FinishedRun {
                tenant.finish(text(&run, "name")?).await?;
            }
            ids.insert(kind, text(&run, "id")?.to_owned());
        }
        for (kind, name) in [(Kind::User, "first"), (Kind::DeletedUser, "second")] {
            let user = json!({"email": format!("{name}@{}.example", tenant.slug), "roles": ["viewer"]});
            let user = server.send_as(&token, Method::POST, "/v1/users", &user).await?.body;
            ids.insert(kind, text(&user, "id")?.to_owned());
        }
        let picture = format!("/v1/users/{}/picture", ids.get(&Kind::User).map_or(MISSING, String::as_str));
        let uploaded = upload(server, &token, &picture).await?;
        ensure!(uploaded.status == 200, "{uploaded:?}");
        for (kind, name) in [(Kind::ServiceAccount, "first"), (Kind::DeletedServiceAccount, "second")] {
            let account = json!({"name": name, "roles": ["viewer"]});
            let account = server.send_as(&token, Method::POST, "/v1/service-accounts", &account).await?.body;
            ids.insert(kind, text(&account, "id")?.to_owned());
        }
        for kind in [Kind::ApiKey, Kind::DeletedApiKey] {
            let account = ids.get(&Kind::ServiceAccount);
            let key = json!({"name": "test", "scopes": ["workflow.read"], "serviceAccountId": account});
            let key = server.send_as(&token, Method::POST, "/v1/api-keys", &key).await?.body;
            ids.insert(kind, text(&key, "id")?.to_owned());
        }
        for (kind, name) in [(Kind::Invitation, "third"), (Kind::DeletedInvitation, "fourth")] {
            let invitation = json!({"email": format!("{name}@{}.example", tenant.slug), "roles": ["viewer"]});
            let invitation = server.send_as(&token, Method::POST, "/v1/invitations", &invitation).await?.body;
            ids.insert(kind, text(&invitation, "id")?.to_owned());
        }
        for (kind, name) in [(Kind::Policy, "first"), (Kind::DeletedPolicy, "second")] {
            let policy = json!({"name": name, "effect": "ALLOW", "actions": ["workflow.read"]});
            let policy = server.send_as(&token, Method::POST, "/v1/policies", &policy).await?.body;
            ids.insert(kind, text(&policy, "id")?.to_owned());
        }
        for (kind, name) in [(Kind::Role, "first"), (Kind::DeletedRole, "second")] {
            let role = json!({"name": name});
            let role = server.send_as(&token, Method::POST, "/v1/roles", &role).await?.body;
            ids.insert(kind, text(&role, "id")?.to_owned());
        }
        for kind in [Kind::Document, Kind::DeletedDocument] {
            let document = json!({"fileName": "shape.txt"});
            let document = server.send_as(&token, Method::POST, "/v1/documents", &document).await?.body;
            let content = format!("/v1/documents/{}/content", text(&document, "id")?);
            let uploaded = server.upload(&token, &content, "text/plain", tenant.slug.clone().into()).await?;
            ensure!(uploaded.status == 200, "{uploaded:?}");
            ids.insert(kind, text(&document, "id")?.to_owned());
        }
        let own = server.send_as(&token, Method::GET, "/v1/tenant", &Value::Null).await?.body;
        ids.insert(Kind::Tenant, text(&own, "id")?.to_owned());
        Ok(Self { slug: tenant.slug, token, ids })
    }

    /// Returns the id of an object of the tenant.
    pub(super) fn id(&self, kind: Kind) -> &str {
        self.ids.get(&kind).map_or(MISSING, String::as_str)
    }

    /// Returns what must not be found in a response to another tenant.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.ids.values().map(String::as_str).chain([self.slug.as_str()])
    }
}

/// Uploads an image of one pixel.
pub(super) async fn upload(server: &Server, token: &str, path: &str) -> anyhow::Result<ApiResponse> {
    server.upload(token, path, "image/png", STANDARD.decode(PIXEL)?).await
}

fn text<'a>(body: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    body.get(field).and_then(Value::as_str).with_context(|| format!("no {field} in {body}"))
}
