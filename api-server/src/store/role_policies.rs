//! Policies of roles.

use domain::{
    permission::Permissions,
    policy::{Effect, Policy, PolicySpec, Source, SourcedPolicy},
};
use serde_json::{Value, from_value};
use uuid::Uuid;

use super::{Error, TenantTx};

/// Policy of a role as it is stored.
struct Row {
    role_id: Uuid,
    role_name: String,
    id: Uuid,
    name: String,
    effect: String,
    actions: Vec<String>,
    resources: Value,
    conditions: Value,
}

/// Returns the policies of the tenant's roles with these IDs.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn of_roles(tx: &mut TenantTx, roles: &[Uuid]) -> Result<Vec<SourcedPolicy>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query_as!(
        Row,
        "select r.id as role_id, r.name as role_name, p.id, p.name, p.effect, p.actions, p.resources, p.conditions
         from roles r
         join role_policies rp on rp.tenant_id = r.tenant_id and rp.role_id = r.id
         join policies p on p.tenant_id = rp.tenant_id and p.id = rp.policy_id
         where r.tenant_id = $1 and r.id = any($2)
         order by r.id, p.id",
        tenant,
        roles
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the policies of roles"))?;
    Ok(rows.into_iter().map(Row::into_policy).collect())
}

impl Row {
    fn into_policy(self) -> SourcedPolicy {
        let Self { role_id, role_name, id, name, effect, actions, resources, conditions } = self;
        let policy = policy(id, &effect, actions, resources, conditions);
        let source = Source { role: role_id.to_string(), role_name, policy: Some((id.to_string(), name)) };
        SourcedPolicy { source, policy }
    }
}

/// Returns a stored policy. One that another release has written and that is not valid in this one grants nothing: an allowance
/// allows nothing then, and a denial denies everything.
fn policy(id: Uuid, effect: &str, actions: Vec<String>, resources: Value, conditions: Value) -> Policy {
    let spec = || {
        let effect = [Effect::Allow, Effect::Deny].into_iter().find(|known| known.as_str() == effect)?;
        let (resources, conditions) = (from_value(resources).ok()?, from_value(conditions).ok()?);
        Some(PolicySpec { effect, actions, resources, conditions })
    };
    spec().and_then(|spec| spec.validate().ok()).unwrap_or_else(|| {
        tracing::error!(policy.id = %id, "a stored policy is not valid in this release; it grants nothing");
        let (effect, permissions) = match effect {
            "ALLOW" => (Effect::Allow, Permissions::NONE),
            _ => (Effect::Deny, Permissions::of_tenant()),
        };
        Policy { effect, permissions, resources: Vec::new(), conditions: Vec::new() }
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A stored policy that cannot be understood grants nothing.
    #[test]
    fn policies_of_another_release_grant_nothing() {
        let stored =
            |effect| policy(Uuid::nil(), effect, vec!["workflow.fly".to_owned()], json!([]), json!([]));
        assert_eq!(stored("ALLOW").permissions, Permissions::NONE);
        assert_eq!(
            (stored("DENY").effect, stored("DENY").permissions),
            (Effect::Deny, Permissions::of_tenant())
        );
    }
}
