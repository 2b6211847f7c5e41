//! List of the rights that the operator checks.

use anyhow::Context;
use serde::Serialize;

use super::roles::{Bound, PolicyRule, Role};
use crate::chart;

const COMPONENT: &str = "operator";

/// Rules of the operator in one scope.
#[derive(Serialize)]
struct Required<'a> {
    scope: Scope,
    rules: Vec<&'a PolicyRule>,
}

/// Where the rules are needed.
#[derive(Clone, Copy, Serialize)]
enum Scope {
    /// In the whole cluster.
    Cluster,
    /// In the namespace of the release.
    Release,
    /// In the namespaces of tenants, where the operator binds itself.
    Tenant,
    /// In the namespace of the network probe.
    NetworkProbe,
}

/// Returns the rules of the operator's roles as JSON.
///
/// # Errors
/// Returns an error if a role of the operator is bound somewhere else, or if the rules cannot be written.
pub(super) fn write(roles: &[Role]) -> anyhow::Result<String> {
    let own = roles.iter().filter(|role| role.component == COMPONENT);
    let required = own.map(|role| {
        let rules = role.rules.iter().map(|rule| &rule.rule).collect();
        Ok(Required { scope: scope(role)?, rules })
    });
    let required: Vec<_> = required.collect::<anyhow::Result<_>>()?;
    let text = serde_json::to_string_pretty(&required).context("failed to write the rights as JSON")?;
    Ok(format!("{text}\n"))
}

fn scope(role: &Role) -> anyhow::Result<Scope> {
    Ok(match &role.bound {
        Bound::Cluster(_) => Scope::Cluster,
        Bound::Namespace(namespace, _) if namespace == chart::NAMESPACE => Scope::Release,
        Bound::Namespace(namespace, _) if *namespace == format!("{}-network-probe", chart::NAMESPACE) => {
            Scope::NetworkProbe
        }
        Bound::Namespace(namespace, _) => {
            anyhow::bail!("{} is bound in {namespace}, which has no scope", role.name)
        }
        Bound::Later => Scope::Tenant,
    })
}
