//! Roles of a rendered chart, with the comments that state the reasons of their rules.

use anyhow::Context;
use serde::{Deserialize, Serialize};

/// A Role or ClusterRole.
#[derive(Debug)]
pub(super) struct Role {
    pub(super) kind: String,
    pub(super) name: String,
    /// Namespace of a Role.
    pub(super) namespace: Option<String>,
    /// Component that the role is for, by its label.
    pub(super) component: String,
    /// Comment before the role.
    pub(super) description: String,
    pub(super) rules: Vec<Rule>,
    pub(super) bound: Bound,
}

/// A rule of a role, with the comment before it.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) reason: String,
    pub(super) rule: PolicyRule,
}

/// Where a role is bound, and to whom.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bound {
    /// In the whole cluster, to this service account.
    Cluster(String),
    /// In a namespace, to this service account.
    Namespace(String, String),
    /// Not by the chart.
    Later,
}

/// A rule, as Kubernetes has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct PolicyRule {
    pub(super) api_groups: Vec<String>,
    pub(super) resources: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) resource_names: Vec<String>,
    pub(super) verbs: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    kind: String,
    metadata: Metadata,
    #[serde(default)]
    rules: Vec<PolicyRule>,
    role_ref: Option<Reference>,
    #[serde(default)]
    subjects: Vec<Reference>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    labels: Labels,
}

#[derive(Default, Deserialize)]
struct Labels {
    #[serde(rename = "app.kubernetes.io/component")]
    component: Option<String>,
}

#[derive(Deserialize)]
struct Reference {
    kind: String,
    name: String,
}

/// Returns the roles of a rendered chart, in its order.
///
/// # Errors
/// Returns an error if a role or a binding cannot be parsed.
pub(super) fn parse(rendered: &str) -> anyhow::Result<Vec<Role>> {
    let (mut roles, mut bindings) = (Vec::new(), Vec::new());
    for text in rendered.split("\n---\n") {
        match kind(text) {
            "Role" | "ClusterRole" => roles.push(role(text)?),
            "RoleBinding" | "ClusterRoleBinding" => bindings.push(object(text)?),
            _ => {}
        }
    }
    for binding in &bindings {
        bind(&mut roles, binding)?;
    }
    Ok(roles)
}

fn kind(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("kind: ")).unwrap_or_default()
}

fn object(text: &str) -> anyhow::Result<Object> {
    serde_yaml::from_str(text).with_context(|| format!("failed to parse a document of the chart:\n{text}"))
}

fn role(text: &str) -> anyhow::Result<Role> {
    let Object { kind, metadata, rules, role_ref: _, subjects: _ } = object(text)?;
    let Metadata { name, namespace, labels } = metadata;
    let commented = commented_rules(text)?;
    let is_complete = commented.iter().map(|rule| &rule.rule).eq(&rules);
    anyhow::ensure!(
        is_complete,
        "the rules of {kind} {name} must follow one another at the end of its document"
    );
    let description = comment(text.lines().take_while(|line| !line.starts_with("apiVersion:")));
    let component = labels.component.with_context(|| format!("{kind} {name} has no component"))?;
    Ok(Role { kind, name, namespace, component, description, rules: commented, bound: Bound::Later })
}

/// Splits the list of rules by its entries. The comments before an entry state its reason.
fn commented_rules(text: &str) -> anyhow::Result<Vec<Rule>> {
    let mut rules = Vec::new();
    let (mut comments, mut entry) = (Vec::new(), String::new());
    let lines = text.lines().skip_while(|line| *line != "rules:").skip(1);
    for line in lines.chain(["  - end"]) {
        let is_comment = line.trim_start().starts_with('#');
        if (is_comment || line.starts_with("  - ")) && !entry.is_empty() {
            let [rule] = serde_yaml::from_str(&entry).context("failed to parse a rule")?;
            let reason = comment(comments.drain(..));
            rules.push(Rule { reason, rule });
            entry.clear();
        }
        if is_comment {
            comments.push(line);
        } else if !line.trim().is_empty() {
            entry = format!("{entry}{line}\n");
        }
    }
    Ok(rules)
}

/// Joins the lines of a comment. Helm adds the name of the template, which is no part of it.
fn comment<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let lines = lines.filter_map(|line| line.trim_start().strip_prefix('#')).map(str::trim);
    let lines: Vec<_> = lines.filter(|line| !line.starts_with("Source: ")).collect();
    lines.join(" ")
}

fn bind(roles: &mut [Role], binding: &Object) -> anyhow::Result<()> {
    let name = &binding.metadata.name;
    let role_ref = binding.role_ref.as_ref().with_context(|| format!("binding {name} has no role"))?;
    let [subject] = binding.subjects.as_slice() else {
        anyhow::bail!("binding {name} must have one subject")
    };
    let namespace = binding.metadata.namespace.as_ref().filter(|_| role_ref.kind == "Role");
    let named = (role_ref.kind.as_str(), role_ref.name.as_str(), namespace);
    let role = roles
        .iter_mut()
        .find(|role| (role.kind.as_str(), role.name.as_str(), role.namespace.as_ref()) == named);
    let role = role.with_context(|| format!("the role of binding {name} is not in the chart"))?;
    let subject = subject.name.clone();
    role.bound = match &binding.metadata.namespace {
        Some(namespace) => Bound::Namespace(namespace.clone(), subject),
        None => Bound::Cluster(subject),
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHART: &str = "---
# Source: smb-copilot/templates/clerk.yaml
# Permissions of the clerk,
# without Secrets.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: clerk
  labels:
    app.kubernetes.io/component: office
rules:
  - {apiGroups: [\"\"], resources: [pods], verbs: [get]}
  # To file runs,
  # and nothing else.
  - apiGroups: [smbcopilot.dev]
    resources: [workflowruns]
    resourceNames: [filed]
    verbs: [delete]
---
# Source: smb-copilot/templates/clerk.yaml
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: clerk
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: clerk}
subjects:
  - {kind: ServiceAccount, name: smb-clerk, namespace: office}
";

    /// Each rule has the comment before it as its reason, and each role the comment before it and its binding.
    #[test]
    fn comments_are_the_reasons_of_rules() {
        let [role] = <[Role; 1]>::try_from(parse(CHART).unwrap()).unwrap();
        assert_eq!(role.description, "Permissions of the clerk, without Secrets.");
        assert_eq!(role.bound, Bound::Cluster("smb-clerk".to_owned()));
        let reasons: Vec<_> = role.rules.iter().map(|rule| rule.reason.as_str()).collect();
        assert_eq!(reasons, ["", "To file runs, and nothing else."]);
        assert_eq!(role.rules[1].rule.resource_names, ["filed"]);
    }

    /// A role whose rules cannot be told apart is an error instead of a page that lacks some of them.
    #[test]
    fn a_rule_is_never_lost() {
        let after = CHART.replace("---\n# Source: smb-copilot/templates/clerk.yaml\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleB", "other:\n  - {apiGroups: [a], resources: [b], verbs: [c]}\n---\nkind: ClusterRoleB");
        assert!(parse(&after).is_err());
    }
}
