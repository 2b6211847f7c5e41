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
    // An object that loses its last field is empty, and can be changed again.
    for (change, settings) in [
        (json!({"vat": {"rate": null, "id": null}}), json!({"vat": {}})),
        (json!({"vat": null}), json!({})),
        (json!({"currency": "EUR"}), json!({"currency": "EUR"})),
    ] {
        let changed = patch(&json!({"settings": change})).await?;
        assert_eq!((changed.status, &changed.body["settings"]), (200, &settings), "{}", changed.body);
        assert_eq!(tenants.get(&server.tenant.slug).await?.spec.settings, Some(settings));
    }
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

/// Characters some of which YAML, as which the API server reads what is applied, refuses or takes for line breaks.
const SPECIAL: &str = "\u{1}\t\r\n\u{7f}\u{80}\u{85}\u{9f}\u{a0}\u{2028}\u{2029}\u{d7ff}\u{e000}\u{feff}\u{fffd}\u{fffe}\u{ffff}\u{1f600}\u{10ffff}";

/// Settings have any names and texts, and Kubernetes stores them unchanged. What it cannot store is refused with the reason.
#[tokio::test]
async fn unusual_settings_are_stored_or_refused() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let tenants: Api<Tenant> = Api::all(client().await?);
    let patch = async |settings: &Value| {
        let body = json!({"settings": {"unusual": settings}});
        server.send_with(&server.admin()?, Method::PATCH, "/v1/tenant", &MERGE_PATCH, &body).await
    };
    let names = [
        "", ".", "<<", "y", "null", "0x1", "1e3", "f:a", "a b", "? a", "- a", "{", "\"", "\\", "#", "&a",
        "*a", "!a", "%", "`",
    ];
    let named: serde_json::Map<String, Value> =
        names.iter().map(|name| ((*name).to_owned(), json!(name))).collect();
    let deep = (0..60).fold(json!(1), |value, _| json!([value]));
    for settings in [
        json!(SPECIAL),
        json!({SPECIAL: [SPECIAL]}),
        Value::Object(named),
        json!({"x".repeat(990): "x".repeat(100_000)}),
        json!([i64::MAX, i64::MIN, 2.5, -1e-300, 0.1, true, null, [], {}]),
        json!({"deep": deep}),
    ] {
        let changed = patch(&settings).await?;
        assert_eq!(
            (changed.status, &changed.body["settings"]["unusual"]),
            (200, &settings),
            "{}",
            changed.body
        );
        let stored = tenants.get(&server.tenant.slug).await?.spec.settings.unwrap_or_default();
        assert_eq!(stored["unusual"], settings);
        let removed = patch(&json!(null)).await?;
        assert_eq!((removed.status, &removed.body["settings"]), (200, &json!({})), "{}", removed.body);
    }
    for (settings, code) in [
        (json!({"x".repeat(999): 1}), "name_too_long"),
        (json!({"\u{7f}".repeat(167): 1}), "name_too_long"),
        (json!("\0"), "invalid_character"),
        (json!("x".repeat(300_000)), "too_large"),
        (json!([u64::MAX]), "number_too_large"),
        (json!([1e19]), "number_too_large"),
    ] {
        let refused = patch(&settings).await?;
        assert_eq!(
            (refused.status, &refused.body["errors"][0]["code"]),
            (422, &json!(code)),
            "{}",
            refused.body
        );
    }
    delete_confirmed(&tenants, &server.tenant.slug).await
}

/// The definition of a workflow keeps texts with any characters when it is changed.
#[tokio::test]
async fn unusual_texts_of_a_workflow_are_retained() -> anyhow::Result<()> {
    let server = Server::start().await?;
    let step = json!({"name": "one", "expr": {"value": SPECIAL}});
    let body = json!({"name": "special", "steps": [step]});
    let created = server.send_with(&server.admin()?, Method::POST, "/v1/workflows", &[], &body).await?;
    assert_eq!(created.status, 201, "{}", created.body);
    let tag = created.headers["etag"].to_str()?;
    let path = format!("/v1/workflows/{}", created.body["id"].as_str().context("no ID")?);
    let headers = [MERGE_PATCH[0], ("if-match", tag)];
    // A description has no control characters of ASCII.
    let description = SPECIAL.replace(['\u{1}', '\u{7f}'], "");
    let body = json!({"description": description});
    let changed = server.send_with(&server.admin()?, Method::PATCH, &path, &headers, &body).await?;
    assert_eq!(
        (changed.status, &changed.body["description"]),
        (200, &json!(description)),
        "{}",
        changed.body
    );
    assert_eq!(changed.body["steps"][0]["expr"]["value"], SPECIAL);
    delete_confirmed(&Api::<Tenant>::all(client().await?), &server.tenant.slug).await
}
