//! Check of the rights with a fake API server.

use std::sync::{Arc, Mutex};

use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};
use telemetry::Registry;

use super::{required::Right, *};

/// API server that lists some rules, and permits what is named.
#[derive(Clone, Default)]
struct FakeApi(Arc<Mutex<Permissions>>);

#[derive(Default)]
struct Permissions {
    rules: Vec<Value>,
    /// Verb and resource of each permission that is not listed.
    unlisted: Vec<(&'static str, &'static str)>,
    /// Rights that were reviewed one by one.
    reviewed: Vec<String>,
}

impl FakeApi {
    fn check(&self, registry: &Registry) -> RightsCheck {
        let api = self.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let api = api.clone();
            async move { api.answer(request).await }
        });
        let health = Health::default();
        health.require(RIGHTS);
        RightsCheck {
            client: Client::new(service, "default"),
            release_namespace: "platform".to_owned(),
            probe_namespace: Some("platform-probe".to_owned()),
            metrics: Metrics::new(registry),
            health,
        }
    }

    async fn answer(&self, request: Request<Body>) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let review: Value = serde_json::from_slice(&body).unwrap_or_default();
        let status = match parts.uri.path().rsplit('/').next() {
            Some("selfsubjectrulesreviews") => {
                let rules = self.0.lock().unwrap().rules.clone();
                json!({"resourceRules": rules, "nonResourceRules": [], "incomplete": true})
            }
            Some("selfsubjectaccessreviews") => {
                let attributes = &review["spec"]["resourceAttributes"];
                let text = |field: &str| attributes[field].as_str().unwrap_or_default().to_owned();
                let (verb, resource) = (text("verb"), text("resource"));
                let mut permissions = self.0.lock().unwrap();
                permissions.reviewed.push(format!("{verb} {resource}"));
                let allowed = permissions.unlisted.contains(&(verb.as_str(), resource.as_str()));
                json!({"allowed": allowed})
            }
            _ => json!({}),
        };
        let answer = json!({"metadata": {}, "spec": review["spec"], "status": status, "items": []});
        Ok(Response::new(Body::from(serde_json::to_vec(&answer).unwrap())))
    }
}

fn everything_but(resource: &str) -> Vec<Value> {
    let rights = required::rights().into_iter().filter(|right| right.resource != resource);
    let rule = |right: Right| {
        let path = match right.subresource {
            Some(subresource) => format!("{}/{subresource}", right.resource),
            None => right.resource,
        };
        json!({
            "apiGroups": [right.group], "resources": [path], "verbs": [right.verb],
            "resourceNames": right.name.into_iter().collect::<Vec<_>>(),
        })
    };
    rights.map(rule).collect()
}

/// A right that is missing is named in the metric, and the process becomes ready only when it has been granted.
#[tokio::test]
async fn a_missing_right_is_named_until_it_is_granted() {
    let (api, registry) = (FakeApi::default(), Registry::default());
    let check = api.check(&registry);
    api.0.lock().unwrap().rules = everything_but("nodes");
    api.0.lock().unwrap().unlisted = vec![("list", "nodes"), ("watch", "nodes")];
    let mut reported = Vec::new();
    assert!(!check.is_complete(&mut reported).await);
    assert_eq!(reported, ["get nodes"]);
    let metrics = registry.encode().unwrap();
    assert!(metrics.contains("smb_operator_missing_rights{right=\"get nodes\"} 1"), "{metrics}");
    let reviewed = api.0.lock().unwrap().reviewed.clone();
    assert_eq!(reviewed, ["get nodes", "list nodes", "watch nodes"], "only what is not listed is reviewed");
    api.0.lock().unwrap().unlisted.push(("get", "nodes"));
    assert!(check.is_complete(&mut reported).await);
    assert!(!registry.encode().unwrap().contains("missing_rights{"), "nothing is missing any more");
    let stop = CancellationToken::new();
    stop.cancel();
    let health = check.health.clone();
    check.run(stop).await.unwrap();
    assert!(health.missing().is_empty());
}

/// With the rules of the chart, a check takes one request for each scope, and none for a single right.
#[tokio::test]
async fn a_complete_list_of_rules_is_enough() {
    let (api, registry) = (FakeApi::default(), Registry::default());
    api.0.lock().unwrap().rules = everything_but("");
    assert!(api.check(&registry).is_complete(&mut Vec::new()).await);
    assert_eq!(api.0.lock().unwrap().reviewed, [""; 0]);
}
