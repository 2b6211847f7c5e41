//! Every resource that an API server serves, as its discovery lists them, and requests with each of their verbs.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::{Client, api::ApiResource};

/// Name in the path of a request where no object is known.
const UNKNOWN: &str = "isolation-probe";

/// Resource that an API server serves: a kind, or a subresource such as `pods/log`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// Preferred version of the group.
    pub version: String,
    /// Kind of the objects.
    pub kind: String,
    /// Plural name, with the subresource after a slash.
    pub plural: String,
    /// Whether its objects belong to a namespace.
    pub namespaced: bool,
    /// Verbs that the API server offers for it.
    pub verbs: Vec<String>,
}

/// A request to an API server that needs no knowledge of the resource: its body is an empty object, and it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Verb, as in a rule of a role.
    pub verb: String,
    /// HTTP method.
    pub method: &'static str,
    /// Path with its query.
    pub path: String,
}

/// Returns all resources of an API server, in the order of their groups and names.
///
/// # Errors
/// Returns an error if the API server cannot be reached.
pub async fn served(client: &Client) -> anyhow::Result<Vec<Resource>> {
    let mut found = BTreeMap::new();
    let mut add = |group: &str, version: &str, resources: Vec<APIResource>| {
        for resource in resources {
            // Roles name a group and a resource, whatever the version. The preferred version comes first.
            let key = (group.to_owned(), resource.name.clone());
            found.entry(key).or_insert_with(|| Resource::new(group, version, resource));
        }
    };
    add("", "v1", client.list_core_api_resources("v1").await?.resources);
    for group in client.list_api_groups().await?.groups {
        let preferred = group.preferred_version.map(|version| version.version);
        let mut versions = group.versions;
        versions.sort_by_key(|version| Some(&version.version) != preferred.as_ref());
        for version in versions {
            let served = client.list_api_group_resources(&version.group_version).await?;
            add(&group.name, &version.version, served.resources);
        }
    }
    Ok(found.into_values().collect())
}

impl Resource {
    fn new(group: &str, version: &str, resource: APIResource) -> Self {
        Self {
            group: group.to_owned(),
            version: version.to_owned(),
            kind: resource.kind,
            plural: resource.name,
            namespaced: resource.namespaced,
            verbs: resource.verbs,
        }
    }

    /// Returns the name by which people know the resource, such as `workflows.smbcopilot.dev` or `pods/log`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.group.is_empty() { self.plural.clone() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Returns whether a verb is offered.
    #[must_use]
    pub fn offers(&self, verb: &str) -> bool {
        self.verbs.iter().any(|offered| offered == verb)
    }

    /// Returns what the client library needs to access objects of the kind.
    #[must_use]
    pub fn api_resource(&self) -> ApiResource {
        let api_version = if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        };
        ApiResource {
            group: self.group.clone(),
            version: self.version.clone(),
            api_version,
            kind: self.kind.clone(),
            plural: self.plural.clone(),
        }
    }

    /// Returns one request for each verb, in a namespace if the resource is namespaced. `name` is that of an existing object.
    #[must_use]
    pub fn attempts(&self, namespace: &str, name: Option<&str>) -> Vec<Attempt> {
        self.verbs.iter().filter_map(|verb| self.attempt(verb, namespace, name.unwrap_or(UNKNOWN))).collect()
    }

    fn attempt(&self, verb: &str, namespace: &str, name: &str) -> Option<Attempt> {
        let (method, of_object, query) = match verb {
            "get" => ("GET", true, ""),
            "list" => ("GET", false, "?limit=1"),
            "watch" => ("GET", false, "?watch=true&timeoutSeconds=1"),
            "create" => ("POST", false, "?dryRun=All"),
            "update" => ("PUT", true, "?dryRun=All"),
            "patch" => ("PATCH", true, "?dryRun=All"),
            "delete" => ("DELETE", true, "?dryRun=All"),
            "deletecollection" => ("DELETE", false, "?dryRun=All"),
            _ => return None,
        };
        let version = match self.group.as_str() {
            "" => format!("/api/{}", self.version),
            group => format!("/apis/{group}/{}", self.version),
        };
        let scope = if self.namespaced { format!("/namespaces/{namespace}") } else { String::new() };
        let path = match self.plural.split_once('/') {
            Some((plural, subresource)) => format!("{version}{scope}/{plural}/{name}/{subresource}{query}"),
            None if of_object => format!("{version}{scope}/{}/{name}{query}", self.plural),
            None => format!("{version}{scope}/{}{query}", self.plural),
        };
        Some(Attempt { verb: verb.to_owned(), method, path })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, plural: &str, namespaced: bool, verbs: &[&str]) -> Resource {
        Resource {
            group: group.to_owned(),
            version: "v1".to_owned(),
            kind: "Kind".to_owned(),
            plural: plural.to_owned(),
            namespaced,
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        }
    }

    fn paths(resource: &Resource, name: Option<&str>) -> Vec<String> {
        resource
            .attempts("t-acme", name)
            .into_iter()
            .map(|attempt| format!("{} {}", attempt.method, attempt.path))
            .collect()
    }

    /// Each verb of a resource has a request with the path that the API server authorizes as this verb.
    #[test]
    fn each_verb_has_a_request() {
        let pods = resource("", "pods", true, &["get", "list", "create", "deletecollection"]);
        assert_eq!(
            paths(&pods, Some("runner")),
            [
                "GET /api/v1/namespaces/t-acme/pods/runner",
                "GET /api/v1/namespaces/t-acme/pods?limit=1",
                "POST /api/v1/namespaces/t-acme/pods?dryRun=All",
                "DELETE /api/v1/namespaces/t-acme/pods?dryRun=All",
            ]
        );
        let log = resource("", "pods/log", true, &["get"]);
        assert_eq!(paths(&log, None), ["GET /api/v1/namespaces/t-acme/pods/isolation-probe/log"]);
        let tenants = resource("smbcopilot.dev", "tenants", false, &["patch"]);
        assert_eq!(paths(&tenants, Some("acme")), ["PATCH /apis/smbcopilot.dev/v1/tenants/acme?dryRun=All"]);
        assert_eq!(tenants.name(), "tenants.smbcopilot.dev");
    }
}
