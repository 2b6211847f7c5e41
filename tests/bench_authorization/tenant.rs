//! The tenant: users, roles, policies and workflows.

use anyhow::Context as _;
use sqlx::PgPool;
use uuid::Uuid;

/// Name of the tenant in tokens.
pub(crate) const SLUG: &str = "bench";
/// Number of users.
pub(crate) const USERS: usize = 10_000;
/// Number of policies: the maximum of a tenant.
pub(crate) const POLICIES: usize = 1_000;
/// Number of workflows. Two of ten policies with conditions select half of them each.
pub(crate) const WORKFLOWS: usize = 50;
/// Number of roles in an explanation: the maximum of a principal.
const ROLES_OF_PRINCIPAL: usize = 20;

/// Statements that create the tenant. The first 20 policies have no conditions, and belong to the role `plain`. The next ten belong to the role
/// `conditional`, and all others to roles with 20 policies each.
const STATEMENTS: [&str; 6] = [
    "insert into tenants (id, uid, slug, display_name, state, plan_name, namespace, settings, spec, status, generation, resource_version,
       created_at, updated_at)
     values (gen_random_uuid(), gen_random_uuid(), 'bench', 'Bench', 'ACTIVE', 'none', 't-bench', '{}', '{}', '{}', 1, 1, now(), now())",
    "insert into users (id, tenant_id, email, email_key, display_name, status)
     select gen_random_uuid(), t.id, email, email, 'User ' || n, 'INVITED'
     from tenants t, generate_series(1, 10000) n, lateral (select 'user-' || n || '@bench.example' as email) e",
    "insert into user_roles (tenant_id, user_id, role) select tenant_id, id, 'member' from users",
    "insert into roles (id, tenant_id, name, description)
     select gen_random_uuid(), t.id, case n when 0 then 'plain' when 1 then 'conditional' else 'role-' || n end, ''
     from tenants t, generate_series(0, 50) n",
    r#"insert into policies (id, tenant_id, name, description, effect, actions, resources, conditions)
       select gen_random_uuid(), t.id, 'policy-' || n, '', 'ALLOW', array['workflow.read', 'workflow.run.create', 'workflow.run.read'],
              case when n <= 20 then '[]'::json
              else json_build_array(json_build_object('kind', 'WORKFLOW_LABEL', 'key', 'team', 'value', 'team-' || n % 10)) end,
              case when n <= 20 then '[]'::json
              else '[{"type": "TIME_BETWEEN", "from": "00:00", "to": "00:00", "timeZone": "Europe/Berlin"},
                     {"type": "LABEL_IN", "key": "region", "values": ["north", "east", "south", "west"]}]'::json end
       from tenants t, generate_series(1, 1000) n"#,
    "insert into role_policies (tenant_id, role_id, policy_id)
     select r.tenant_id, r.id, p.id
     from policies p
     cross join lateral (select substring(p.name from 8)::int as n) number
     join roles r on r.name = case when n <= 20 then 'plain' when n <= 30 then 'conditional' else 'role-' || 2 + (n - 31) / 20 end",
];
const WORKFLOW_ROWS: &str = r#"
    insert into workflows (id, uid, tenant_id, name, display_name, description, state, problems, spec, status, generation, resource_version,
      created_at, updated_at, labels)
    select gen_random_uuid(), gen_random_uuid(), t.id, 'workflow-' || n, 'Workflow ' || n, '', 'ACTIVE', '[]', '{"steps": []}', '{}', 1, n,
           now(), now(), jsonb_build_object('team', 'team-' || n % 2, 'region', 'north')
    from tenants t, generate_series(1, $1) n"#;

/// Tenant with its roles.
pub(crate) struct BenchTenant {
    /// ID of the role whose policies have no conditions.
    pub(crate) plain_role: String,
    /// ID of the role with ten policies with conditions.
    pub(crate) conditional_role: String,
    /// IDs of the roles with 20 policies each.
    large_roles: Vec<String>,
}

impl BenchTenant {
    /// Creates the tenant.
    pub(crate) async fn create(owner: &PgPool) -> anyhow::Result<Self> {
        for statement in STATEMENTS {
            sqlx::query(statement).execute(owner).await?;
        }
        let workflows = i32::try_from(WORKFLOWS)?;
        sqlx::query(WORKFLOW_ROWS).bind(workflows).execute(owner).await?;
        sqlx::raw_sql("vacuum analyze").execute(owner).await?;
        let roles: Vec<(String, Uuid)> =
            sqlx::query_as("select name, id from roles order by name").fetch_all(owner).await?;
        let role = |name: &str| {
            let found = roles.iter().find(|(other, _)| other == name);
            found.map(|(_, id)| id.to_string()).with_context(|| format!("there is no role {name}"))
        };
        let large = roles.iter().filter(|(name, _)| name.starts_with("role-"));
        Ok(Self {
            plain_role: role("plain")?,
            conditional_role: role("conditional")?,
            large_roles: large.map(|(_, id)| id.to_string()).collect(),
        })
    }

    /// Returns 20 roles, which are others for each number below 1,000, so that no cache has their policies.
    pub(crate) fn roles_of_number(&self, number: usize) -> Vec<String> {
        let roles = self.large_roles.len();
        let (first, left_out) = (number % roles, 1 + number / roles % ROLES_OF_PRINCIPAL);
        let chosen = (0..=ROLES_OF_PRINCIPAL).filter(|offset| *offset != left_out);
        chosen.filter_map(|offset| self.large_roles.get((first + offset) % roles)).cloned().collect()
    }
}
