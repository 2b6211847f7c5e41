//! Checks the table of rules in `rules.yaml`.

use kube::{
    Api, Client,
    api::{DynamicObject, Patch, PatchParams, PostParams},
};
use serde::Deserialize;
use serde_json::{Value, json};
use tests::cluster::{client, client_as, unique};
use tests::test_namespace::TestNamespace;

use super::{api, object, refusal};

const TABLE: &str = include_str!("rules.yaml");
/// User whose decisions the admission policies accept, since the rules are not about who decides.
const API_SERVER: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";

/// One rule: an accepted object, a refused one, and the text that the refusal must contain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    rule: String,
    kind: String,
    /// Existing object, for rules about updates.
    before: Option<Value>,
    accepted: Value,
    refused: Value,
    #[serde(rename = "acceptedName")]
    accepted_name: Option<String>,
    #[serde(rename = "refusedName")]
    refused_name: Option<String>,
    message: String,
}

/// Every rule accepts the valid object, and refuses the invalid one with a helpful message.
#[tokio::test]
async fn each_rule_accepts_valid_objects_and_refuses_invalid_ones() -> anyhow::Result<()> {
    let (admin, api_server) = (client().await?, client_as(API_SERVER, &["system:masters"]).await?);
    let tenant = TestNamespace::managed(&admin).await?;
    let rules: Vec<Rule> = serde_yaml::from_str(TABLE)?;
    let mut wrong = Vec::new();
    for rule in &rules {
        let client = if rule.kind == "WorkflowRun" { &api_server } else { &admin };
        wrong.extend(
            check(&admin, client, &tenant.name, rule).await?.map(|what| format!("{}: {what}", rule.rule)),
        );
    }
    tenant.delete().await?;
    assert!(wrong.is_empty(), "{} of {} rules:\n{}", wrong.len(), rules.len(), wrong.join("\n"));
    Ok(())
}

/// Returns how the API server deviates from a rule, if it does.
async fn check(
    admin: &Client,
    client: &Client,
    namespace: &str,
    rule: &Rule,
) -> anyhow::Result<Option<String>> {
    let api = api(client, &rule.kind, namespace)?;
    let existing = match &rule.before {
        Some(spec) => {
            Some(api.create(&PostParams::default(), &object(&rule.kind, &unique("rule"), spec)?).await?)
        }
        None => None,
    };
    let name = |given: &Option<String>| given.clone().unwrap_or_else(|| unique("rule"));
    let accepted =
        try_write(&api, rule, existing.as_ref(), &name(&rule.accepted_name), &rule.accepted).await?;
    let refused = try_write(&api, rule, existing.as_ref(), &name(&rule.refused_name), &rule.refused).await?;
    if let Some(existing) = existing {
        let name = existing.metadata.name.unwrap_or_default();
        let confirmed = json!({"metadata": {"annotations": {"smbcopilot.dev/confirm-delete": name}}});
        api.patch(&name, &PatchParams::default(), &Patch::Merge(confirmed)).await?;
        // The api-server may delete finished runs only.
        let api = self::api(admin, &rule.kind, namespace)?;
        api.delete(&name, &kube::api::DeleteParams::default()).await?;
    }
    Ok(match (accepted, refused) {
        (Some(message), _) => Some(format!("the good one is refused: {message}")),
        (None, None) => Some("the bad one is taken".to_owned()),
        (None, Some(message)) if !message.contains(&rule.message) => Some(format!("it says: {message}")),
        _ => None,
    })
}

/// Returns the refusal of a new object, or of the update of an existing one.
async fn try_write(
    api: &Api<DynamicObject>,
    rule: &Rule,
    existing: Option<&DynamicObject>,
    name: &str,
    spec: &Value,
) -> anyhow::Result<Option<String>> {
    let Some(existing) = existing else {
        return refusal(api, &object(&rule.kind, name, spec)?).await;
    };
    let mut changed = existing.clone();
    changed.data = serde_json::json!({"spec": spec});
    let dry_run = PostParams { dry_run: true, ..PostParams::default() };
    match api.replace(existing.metadata.name.as_deref().unwrap_or_default(), &dry_run, &changed).await {
        Ok(_) => Ok(None),
        Err(kube::Error::Api(status)) => Ok(Some(status.message)),
        Err(error) => Err(error.into()),
    }
}
