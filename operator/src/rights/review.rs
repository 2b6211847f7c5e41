//! Requests for the operator's rights.
//!
//! One request returns all rules in a namespace. The API server says that such a list may be incomplete, for example if another
//! authorizer than RBAC decides, so what it does not contain is asked for right by right.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, ResourceRule, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
    SelfSubjectRulesReview, SelfSubjectRulesReviewSpec,
};
use kube::{Api, Client, Error, api::PostParams};

use super::required::Right;

/// Namespace that does not exist: the rules in it are those in the whole cluster.
const NO_NAMESPACE: &str = "smb-copilot-no-namespace";
/// Number of rights that are asked for at the same time, of about a millisecond each.
const CONCURRENT_REVIEWS: usize = 4;

/// Returns the names of the rights that the operator does not have in a namespace; with `None`, in the whole cluster.
///
/// # Errors
/// Returns an error if the API server cannot be reached or refuses to answer.
pub(super) async fn missing(
    client: &Client,
    rights: impl Iterator<Item = &Right>,
    namespace: Option<&str>,
) -> Result<Vec<String>, Error> {
    let rules = rules(client, namespace.unwrap_or(NO_NAMESPACE)).await?;
    let unlisted = rights.filter(|right| !rules.iter().any(|rule| permits(rule, right)));
    let reviews = stream::iter(unlisted.cloned().collect::<Vec<_>>()).map(|right| async move {
        let is_allowed = is_allowed(client, &right, namespace).await?;
        Ok((!is_allowed).then(|| right.to_string()))
    });
    reviews.buffered(CONCURRENT_REVIEWS).try_filter_map(async |name| Ok(name)).try_collect().await
}

async fn rules(client: &Client, namespace: &str) -> Result<Vec<ResourceRule>, Error> {
    let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.to_owned()) };
    let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.unwrap_or_default().resource_rules)
}

async fn is_allowed(client: &Client, right: &Right, namespace: Option<&str>) -> Result<bool, Error> {
    let Right { scope: _, verb, group, resource, subresource, name } = right.clone();
    let attributes = ResourceAttributes {
        verb: Some(verb),
        group: Some(group),
        resource: Some(resource),
        subresource,
        name,
        namespace: namespace.map(str::to_owned),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let answer = Api::all(client.clone()).create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Returns whether a rule contains a right. Wildcards within a resource, such as `*/status`, are left to the API server.
fn permits(rule: &ResourceRule, right: &Right) -> bool {
    let ResourceRule { api_groups, resources, resource_names, verbs } = rule;
    let resource = match &right.subresource {
        Some(subresource) => format!("{}/{subresource}", right.resource),
        None => right.resource.clone(),
    };
    let contains = |list: &[String], value: &str| list.iter().any(|item| item == "*" || item == value);
    let names = resource_names.as_deref().unwrap_or_default();
    contains(verbs, &right.verb)
        && contains(api_groups.as_deref().unwrap_or_default(), &right.group)
        && contains(resources.as_deref().unwrap_or_default(), &resource)
        && (names.is_empty() || right.name.as_ref().is_some_and(|name| names.contains(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rights::required::Scope;

    fn right(resource: &str, subresource: Option<&str>, name: Option<&str>) -> Right {
        Right {
            scope: Scope::Cluster,
            verb: "patch".to_owned(),
            group: "smbcopilot.dev".to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.map(str::to_owned),
            name: name.map(str::to_owned),
        }
    }

    fn rule(group: &str, resource: &str, names: &[&str], verb: &str) -> ResourceRule {
        let rule =
            json!({"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": [verb]});
        serde_json::from_value(rule).unwrap()
    }

    /// A rule for another verb, group, resource, subresource or object does not contain a right.
    #[test]
    fn a_rule_contains_only_what_it_names() {
        let status = right("tenants", Some("status"), None);
        for (group, resource, verb, expected) in [
            ("smbcopilot.dev", "tenants/status", "patch", true),
            ("*", "*", "*", true),
            ("smbcopilot.dev", "tenants", "patch", false),
            ("smbcopilot.dev", "plans/status", "patch", false),
            ("smbcopilot.dev", "tenants/status", "get", false),
            ("apps", "tenants/status", "patch", false),
        ] {
            let text = format!("{verb} {resource}.{group}");
            assert_eq!(permits(&rule(group, resource, &[], verb), &status), expected, "{text}");
        }
        let one = rule("smbcopilot.dev", "tenants", &["acme"], "patch");
        assert!(permits(&one, &right("tenants", None, Some("acme"))));
        assert!(!permits(&one, &right("tenants", None, Some("globex"))));
        assert!(!permits(&one, &right("tenants", None, None)), "a rule for one object is none for all");
    }
}
