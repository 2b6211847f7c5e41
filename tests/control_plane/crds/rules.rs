//! The table: `rules.yaml`.

use kube::{
    Api, Client,
    api::{DynamicObject, PostParams},
};
use serde::Deserialize;
use serde_json::Value;
use tests::cluster::{client_as, unique};

use super::{api, object, refusal};

const TABLE: &str = include_str!("rules.yaml");
/// Who decides, and for whom, is for the fences to judge; they trust this one.
const USER: &str = "system:serviceaccount:smb-copilot:smb-copilot-api-server";

/// One rule: what is taken, what is refused, and the words that the refusal must have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    rule: String,
    kind: String,
    /// The object before, for rules about changes.
    before: Option<Value>,
    accepted: Value,
    refused: Value,
    #[serde(rename = "acceptedName")]
    accepted_name: Option<String>,
    #[serde(rename = "refusedName")]
    refused_name: Option<String>,
    message: String,
}

/// A mistake in a YAML file is stored, and shows as a failed run a day later; or a good file is refused.
#[tokio::test]
async fn each_rule_takes_the_good_and_refuses_the_bad_in_words_that_help() -> anyhow::Result<()> {
    let client = client_as(USER, &["system:masters"]).await?;
    let rules: Vec<Rule> = serde_yaml::from_str(TABLE)?;
    let mut wrong = Vec::new();
    for rule in &rules {
        wrong.extend(check(&client, rule).await?.map(|what| format!("{}: {what}", rule.rule)));
    }
    assert!(wrong.is_empty(), "{} of {} rules:\n{}", wrong.len(), rules.len(), wrong.join("\n"));
    Ok(())
}

/// What is wrong with a rule.
async fn check(client: &Client, rule: &Rule) -> anyhow::Result<Option<String>> {
    let api = api(client, &rule.kind, "default")?;
    let existing = match &rule.before {
        Some(spec) => {
            Some(api.create(&PostParams::default(), &object(&rule.kind, &unique("rule"), spec)?).await?)
        }
        None => None,
    };
    let name = |given: &Option<String>| given.clone().unwrap_or_else(|| unique("rule"));
    let accepted = answer(&api, rule, existing.as_ref(), &name(&rule.accepted_name), &rule.accepted).await?;
    let refused = answer(&api, rule, existing.as_ref(), &name(&rule.refused_name), &rule.refused).await?;
    if let Some(existing) = existing {
        api.delete(
            existing.metadata.name.as_deref().unwrap_or_default(),
            &kube::api::DeleteParams::default(),
        )
        .await?;
    }
    Ok(match (accepted, refused) {
        (Some(message), _) => Some(format!("the good one is refused: {message}")),
        (None, None) => Some("the bad one is taken".to_owned()),
        (None, Some(message)) if !message.contains(&rule.message) => Some(format!("it says: {message}")),
        _ => None,
    })
}

/// What the API server says to a new object, or to the change of an existing one.
async fn answer(
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
