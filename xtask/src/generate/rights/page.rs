//! Page of the documentation with the rights of each component.

use super::roles::{Bound, PolicyRule, Role, Rule};

const HEAD: &str = "<!-- Generated from the chart by `cargo xtask gen`. -->
# Rights

What each component may do in the Kubernetes API, as the chart `smb-copilot` grants it with its default values, and the reason where a rule needs one. The \
admission policies restrict most of these rights further: [the chart's README](../../charts/smb-copilot/README.md#permissions) lists them, and the \
[threat model](threat-model.md) says which attack each of them stops. The operator [checks at its start](../guides/operating.md#rights-of-the-operator) that it has \
its own.
";

/// Returns the page.
pub(super) fn write(roles: &[Role]) -> String {
    let mut components: Vec<&str> = Vec::new();
    for role in roles {
        if !components.contains(&role.component.as_str()) {
            components.push(&role.component);
        }
    }
    let sections = components.into_iter().map(|component| {
        let own = roles.iter().filter(|role| role.component == component);
        format!("\n## {component}\n{}", own.map(section).collect::<String>())
    });
    HEAD.to_owned() + &sections.collect::<String>()
}

fn section(role: &Role) -> String {
    let Role { kind, name, namespace: _, component: _, description, rules, bound } = role;
    let bound = match bound {
        Bound::Cluster(account) => format!("Bound to the service account `{account}` in the whole cluster."),
        Bound::Namespace(namespace, account) => {
            format!("Bound to the service account `{account}` in the namespace `{namespace}`.")
        }
        Bound::Later => "Bound by the operator, in the namespace of each tenant.".to_owned(),
    };
    let description = if description.is_empty() { bound } else { format!("{description} {bound}") };
    let rows: String = rules.iter().map(row).collect();
    format!(
        "\n### {kind} `{name}`\n\n{description}\n\n| resources | names | verbs | reason |\n| --- | --- | --- | --- |\n{rows}"
    )
}

fn row(Rule { reason, rule }: &Rule) -> String {
    let PolicyRule { api_groups, resources, resource_names, verbs } = rule;
    let resources =
        resources.iter().flat_map(|resource| api_groups.iter().map(move |group| qualified(resource, group)));
    let reason = reason.replace('|', "\\|");
    let columns = [code(resources), code(resource_names.iter().cloned()), verbs.join(", "), reason];
    let columns = columns.map(|text| if text.is_empty() { " ".to_owned() } else { format!(" {text} ") });
    format!("|{}|\n", columns.join("|"))
}

/// Returns a resource with its group, as kubectl writes it.
fn qualified(resource: &str, group: &str) -> String {
    match (resource.split_once('/'), group) {
        (_, "") => resource.to_owned(),
        (Some((resource, subresource)), group) => format!("{resource}.{group}/{subresource}"),
        (None, group) => format!("{resource}.{group}"),
    }
}

fn code(texts: impl Iterator<Item = String>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
