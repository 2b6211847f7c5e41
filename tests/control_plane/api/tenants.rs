//! Creating and changing tenants by REST, beside Argo CD and kubectl.

use anyhow::Context as _;
use crds::{Tenant, tenant::TenantState};
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{
    api::ApiResponse,
    cluster::{client, unique},
    tenant_deletion::delete_confirmed,
};

use super::server::Server;

const MERGE_PATCH: [(&str, &str); 1] = [("content-type", "application/merge-patch+json")];

async fn platform(server: &Server, method: Method, path: &str, body: &Value) -> anyhow::Result<ApiResponse> {
    let headers: &[(&str, &str)] = if method == Method::PATCH { &MERGE_PATCH } else { &[] };
    server.send_with(&server.platform_admin()?, method, path, headers, body).await
}

fn code(response: &ApiResponse) -> (u16, &str) {
    (response.status, response.body.get("code").and_then(Value::as_str).unwrap_or_default())
}

/// An admin sets the settings of the own tenant, and cannot change the name that somebody else has declared.
#[tokio::test]
async fn an_admin_changes_what_nobody_else_manages() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let tenants: Api<Tenant> = Api::all(client().await?);
    let patch = async |body: &Value| {
        server.send_with(&server.admin()?, Method::PATCH, "/v1/tenant", &MERGE_PATCH, body).await
    };
    let changed = patch(&json!({"settings": {"currency": "EUR", "vat": {"rate": 19}}})).await?;
    assert_eq!(changed.status, 200, "{}", changed.body);
    let changed = patch(&json!({"settings": {"currency": null, "vat": {"id": "DE1"}}})).await?;
    let settings = json!({"vat": {"rate": 19, "id": "DE1"}});
    assert_eq!((changed.status, &changed.body["settings"]), (200, &settings), "{}", changed.body);
    assert_eq!(tenants.get(&server.tenant.slug).await?.spec.settings, Some(settings));
    let refused = patch(&json!({"name": "Mine"})).await?;
    assert_eq!(code(&refused), (409, "managed_by_gitops"), "{}", refused.body);
    assert_eq!(refused.body["errors"][0]["pointer"], "/name");
    let refused = patch(&json!({"name": "x".repeat(121), "settings": null})).await?;
    assert_eq!(refused.status, 409);
    delete_confirmed(&tenants, &server.tenant.slug).await
}

/// The platform creates a tenant once per key, changes its plan, suspends, archives and restores it. What Argo CD declares afterwards
/// is refused.
#[tokio::test]
async fn the_platform_creates_changes_and_suspends_a_tenant() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let tenants: Api<Tenant> = Api::all(client().await?);
    let slug = unique("rest");
    let body = json!({"slug": slug, "plan": "starter", "name": "Initech", "settings": {"currency": "USD"}});
    let post = async |body: &Value| {
        let token = server.platform_admin()?;
        server.send_with(&token, Method::POST, "/v1/tenants", &[("idempotency-key", "initech-1")], body).await
    };
    let created = post(&body).await?;
    assert_eq!(
        (created.status, created.body["slug"].as_str()),
        (201, Some(slug.as_str())),
        "{}",
        created.body
    );
    let again = post(&body).await?;
    assert_eq!((again.status, &again.body["id"]), (201, &created.body["id"]), "{}", again.body);
    let path = created.headers["location"].to_str()?;
    let changed = platform(&server, Method::PATCH, path, &json!({"plan": "business", "name": null})).await?;
    assert_eq!((changed.status, &changed.body["plan"]), (200, &json!("business")), "{}", changed.body);
    assert_eq!(changed.body["name"], json!(slug));
    let (suspension, archive) = (format!("{path}/suspension"), format!("{path}/archive"));
    for (method, path, status, state) in [
        (Method::PUT, &suspension, "SUSPENDED", Some(TenantState::Suspended)),
        (Method::DELETE, &suspension, "ACTIVE", None),
        (Method::PUT, &archive, "ARCHIVED", Some(TenantState::Archived)),
        (Method::DELETE, &archive, "ACTIVE", None),
    ] {
        let answer = platform(&server, method, path, &json!(null)).await?;
        assert_eq!((answer.status, answer.body["status"].as_str()), (200, Some(status)), "{}", answer.body);
        assert_eq!(tenants.get(&slug).await?.spec.state, state);
    }
    let declared = json!({
        "apiVersion": "smbcopilot.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": slug},
        "spec": {"planRef": {"name": "business"}, "state": "Active"},
    });
    let argo = PatchParams::apply("argocd-controller").force();
    tenants.patch(&slug, &argo, &Patch::Apply(&declared)).await?;
    for (method, path, body, field) in [
        (Method::PUT, &suspension, json!(null), "spec.state"),
        (Method::PATCH, &path.to_owned(), json!({"plan": "starter"}), "spec.planRef.name"),
    ] {
        let refused = platform(&server, method, path, &body).await?;
        assert_eq!(code(&refused), (409, "managed_by_gitops"), "{}", refused.body);
        let detail = refused.body["detail"].as_str().context("no detail")?;
        assert!(detail.contains(&format!("argocd-controller manages {field}")), "{detail}");
    }
    delete_confirmed(&tenants, &slug).await?;
    delete_confirmed(&tenants, &server.tenant.slug).await
}
