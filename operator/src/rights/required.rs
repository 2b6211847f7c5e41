//! Rights that the operator needs: those that the chart grants it.

use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;

/// Rules of the operator's roles. `cargo xtask gen` writes the file from the chart, and the tests of generated files compare the
/// two.
const REQUIRED: &str = include_str!("required.json");

/// Where a right is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(super) enum Scope {
    /// In the whole cluster.
    Cluster,
    /// In the namespace of the release.
    Release,
    /// In the namespaces of tenants.
    Tenant,
    /// In the namespace of the network probe.
    NetworkProbe,
}

#[derive(Deserialize)]
struct Role {
    scope: Scope,
    rules: Vec<PolicyRule>,
}

/// Right to one operation on a kind of object, or on one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Right {
    pub(super) scope: Scope,
    pub(super) verb: String,
    pub(super) group: String,
    pub(super) resource: String,
    pub(super) subresource: Option<String>,
    /// Name of the only object, or `None` for all objects.
    pub(super) name: Option<String>,
}

impl fmt::Display for Right {
    /// Writes the right as a line of text: `patch tenants.smbcopilot.dev/status`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scope, verb, group, resource, subresource, name } = self;
        write!(f, "{verb} {resource}")?;
        if !group.is_empty() {
            write!(f, ".{group}")?;
        }
        if let Some(subresource) = subresource {
            write!(f, "/{subresource}")?;
        }
        if let Some(name) = name {
            write!(f, " {name}")?;
        }
        f.write_str(match scope {
            Scope::Cluster => "",
            Scope::Release => " in the namespace of the release",
            Scope::Tenant => " in the namespaces of tenants",
            Scope::NetworkProbe => " in the namespace of the network probe",
        })
    }
}

/// Returns all rights that the operator needs.
pub(super) fn rights() -> Vec<Right> {
    let roles: Vec<Role> = serde_json::from_str(REQUIRED).expect("a test reads the generated file");
    roles.iter().flat_map(|role| role.rules.iter().flat_map(|rule| of_rule(role.scope, rule))).collect()
}

fn of_rule(scope: Scope, rule: &PolicyRule) -> Vec<Right> {
    let PolicyRule { api_groups, resources, resource_names, verbs, non_resource_urls: _ } = rule;
    let names: Vec<_> = match resource_names.as_deref() {
        None | Some([]) => vec![None],
        Some(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut rights = Vec::new();
    for group in api_groups.iter().flatten() {
        for path in resources.iter().flatten() {
            let (resource, subresource) = match path.split_once('/') {
                Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
                None => (path.as_str(), None),
            };
            rights.extend(names.iter().flat_map(|name| {
                verbs.iter().map(|verb| Right {
                    scope,
                    verb: verb.clone(),
                    group: group.clone(),
                    resource: resource.to_owned(),
                    subresource: subresource.clone(),
                    name: name.clone(),
                })
            }));
        }
    }
    rights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rights of each scope are read from the chart's roles, and each has a name that says what is permitted where.
    #[test]
    fn the_rights_are_those_of_the_chart() {
        let names: Vec<_> = rights().iter().map(ToString::to_string).collect();
        for name in [
            "list nodes",
            "patch tenants.smbcopilot.dev/status",
            "bind clusterroles.rbac.authorization.k8s.io smb-copilot-runner",
            "create leases.coordination.k8s.io in the namespace of the release",
            "create jobs.batch in the namespaces of tenants",
            "patch configmaps network-probe in the namespace of the network probe",
        ] {
            assert!(names.iter().any(|known| known == name), "{name} is not in {names:#?}");
        }
    }
}
