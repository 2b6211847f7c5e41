//! Policies as conditions of SQL: the rows that a principal may access are selected by the database, in lists and counts, too.
//!
//! The truth of a condition is that of [`domain::policy`]: unknown is null, and `and` and `or` of SQL do the same as there. All values
//! are parameters.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use domain::{
    permission::Permission,
    policy::{
        Certainty, Condition, Document, Effect, Policy, Request, Selector, Truth, Workflow as Attributes,
    },
};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::{Error, TenantTx};
use crate::auth::ConditionalRights;

/// Rows that a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Workflows.
    Workflows,
    /// Workflows of which the principal wants to start a run, whose owner it is then.
    NewRuns,
    /// Runs.
    Runs,
    /// Documents.
    Documents,
}

impl Target {
    fn table(self) -> &'static str {
        match self {
            Self::Workflows | Self::NewRuns => "workflows",
            Self::Runs => "workflow_runs",
            Self::Documents => "documents",
        }
    }
}

impl TenantTx {
    /// Returns which of the rows with these IDs the principal has a permission for.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    pub async fn permitted(
        &mut self,
        ids: &[Uuid],
        permission: Permission,
        target: Target,
    ) -> Result<HashSet<Uuid>, Error> {
        let Some(rights) = self.restriction(permission) else { return Ok(ids.iter().copied().collect()) };
        let (connection, tenant) = self.connection_and_tenant();
        let mut sql = QueryBuilder::new(format!("select id from {} where tenant_id = ", target.table()));
        sql.push_bind(tenant).push(" and id = any(").push_bind(ids.to_vec()).push(")");
        push_rights(&mut sql, Some(&rights), permission, target);
        let permitted: Vec<Uuid> = sql
            .build_query_scalar()
            .fetch_all(connection)
            .await
            .map_err(Error::query("check the rights of the principal"))?;
        Ok(permitted.into_iter().collect())
    }

    /// Returns whether the principal has a permission for a row.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    pub async fn is_permitted(
        &mut self,
        id: Uuid,
        permission: Permission,
        target: Target,
    ) -> Result<bool, Error> {
        Ok(self.permitted(&[id], permission, target).await?.contains(&id))
    }

    /// Removes the rows for which the principal does not have a permission.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    pub(super) async fn retain_permitted<T>(
        &mut self,
        mut rows: Vec<T>,
        id: impl Fn(&T) -> Uuid,
        permission: Permission,
        target: Target,
    ) -> Result<Vec<T>, Error> {
        if !rows.is_empty() && self.restriction(permission).is_some() {
            let ids: Vec<Uuid> = rows.iter().map(&id).collect();
            let permitted = self.permitted(&ids, permission, target).await?;
            rows.retain(|row| permitted.contains(&id(row)));
        }
        Ok(rows)
    }
}

/// Returns the attributes of the workflows with these IDs that policies can name. IDs that do not exist are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn attributes_of_workflows(
    tx: &mut TenantTx,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Attributes)>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query!(
        "select id, name, labels from workflows where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the attributes of workflows"))?;
    let attributes = rows
        .into_iter()
        .map(|row| (row.id, Attributes { name: row.name, labels: labels(row.labels), owner: None }));
    Ok(attributes.collect())
}

/// Returns the attributes of the runs with these IDs that policies can name. IDs that do not exist are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn attributes_of_runs(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<(Uuid, Attributes)>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query!(
        r#"select r.id, r.workflow_name, w.labels as "labels?", r.requested_by
           from workflow_runs r left join workflows w on w.tenant_id = r.tenant_id and w.id = r.workflow_id
           where r.tenant_id = $1 and r.id = any($2)"#,
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the attributes of runs"))?;
    let attributes = rows.into_iter().map(|row| {
        (row.id, Attributes { name: row.workflow_name, labels: labels(row.labels), owner: row.requested_by })
    });
    Ok(attributes.collect())
}

/// Returns the attributes of the documents with these IDs that policies can name. IDs that do not exist are skipped.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn attributes_of_documents(
    tx: &mut TenantTx,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Document)>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    let rows = sqlx::query!(
        "select id, uploaded_by, tags from documents where tenant_id = $1 and id = any($2)",
        tenant,
        ids
    )
    .fetch_all(connection)
    .await
    .map_err(Error::query("read the attributes of documents"))?;
    let attributes = rows.into_iter().map(|row| {
        (row.id, Document { tags: Some(row.tags.into_iter().collect()), owner: Some(row.uploaded_by) })
    });
    Ok(attributes.collect())
}

fn labels(stored: Option<Value>) -> Option<BTreeMap<String, String>> {
    serde_json::from_value(stored?).ok()
}

/// Appends the condition that a principal has a permission for the rows of a query, which begins with ` and`. Appends nothing if it has it for
/// all rows.
pub(super) fn push_rights(
    sql: &mut QueryBuilder<Postgres>,
    rights: Option<&ConditionalRights>,
    permission: Permission,
    target: Target,
) {
    let Some(rights) = rights.filter(|rights| rights.restricts(permission)) else { return };
    if rights.now().certainty(permission) == Certainty::Never {
        sql.push(" and false");
        return;
    }
    let grants = rights.grants();
    let concerned = |effect| {
        let policies = grants.conditional().map(|sourced| &sourced.policy);
        policies.filter(move |policy| {
            policy.effect == effect
                && policy.permissions.allows(permission)
                && of_request(policy, rights.request()) != Truth::False
        })
    };
    if !grants.allowed().allows(permission) {
        sql.push(" and (false");
        for policy in concerned(Effect::Allow) {
            sql.push(" or (");
            push_policy(sql, policy, rights.request(), target);
            sql.push(") is true");
        }
        sql.push(")");
    }
    for policy in concerned(Effect::Deny) {
        sql.push(" and (");
        push_policy(sql, policy, rights.request(), target);
        sql.push(") is false");
    }
}

/// Returns tags of which each document has at least one for which a principal has a permission; `None` if a policy grants it without a tag.
pub(super) fn required_tags(rights: &ConditionalRights, permission: Permission) -> Option<Vec<String>> {
    let grants = rights.grants();
    if grants.allowed().allows(permission) {
        return None;
    }
    let policies = grants.conditional().map(|sourced| &sourced.policy);
    let granting = policies.filter(|policy| {
        policy.effect == Effect::Allow
            && policy.permissions.allows(permission)
            && of_request(policy, rights.request()) != Truth::False
    });
    let mut tags = BTreeSet::new();
    for policy in granting {
        tags.extend(tags_of(policy)?);
    }
    Some(tags.into_iter().collect())
}

/// Returns tags of which each document has at least one to which a policy applies; `None` if it applies to documents without tags.
fn tags_of(policy: &Policy) -> Option<Vec<String>> {
    let by_condition = policy.conditions.iter().find_map(|condition| match condition {
        Condition::TagIn { values } => Some(values.clone()),
        _ => None,
    });
    let by_selectors = (!policy.resources.is_empty()).then(|| {
        let tags = policy.resources.iter().filter_map(|selector| match selector {
            Selector::DocumentTag { tag } => Some(tag.clone()),
            // They select no documents.
            Selector::WorkflowName { .. } | Selector::WorkflowLabel { .. } => None,
        });
        tags.collect()
    });
    by_condition.or(by_selectors)
}

/// Returns the truth of the conditions of a policy that depend on the request alone.
fn of_request(policy: &Policy, request: &Request) -> Truth {
    Truth::all(policy.conditions.iter().filter_map(|condition| condition.of_request(request)))
}

fn push_policy(sql: &mut QueryBuilder<Postgres>, policy: &Policy, request: &Request, target: Target) {
    sql.push(literal(of_request(policy, request)));
    if !policy.resources.is_empty() {
        sql.push(" and (false");
        for selector in &policy.resources {
            sql.push(" or ");
            push_selector(sql, selector, target);
        }
        sql.push(")");
    }
    for condition in policy.conditions.iter().filter(|condition| condition.of_request(request).is_none()) {
        sql.push(" and ");
        push_condition(sql, condition, request, target);
    }
}

fn push_selector(sql: &mut QueryBuilder<Postgres>, selector: &Selector, target: Target) {
    let column = match target {
        Target::Workflows | Target::NewRuns => "workflows.name = ",
        Target::Runs => "workflow_runs.workflow_name = ",
        Target::Documents => "",
    };
    match (selector, target) {
        (Selector::WorkflowName { .. } | Selector::WorkflowLabel { .. }, Target::Documents) => {
            sql.push("false");
        }
        (Selector::WorkflowName { name }, _) => {
            sql.push(column).push_bind(name.clone());
        }
        (Selector::WorkflowLabel { key, value }, _) => {
            push_label(sql, key, std::slice::from_ref(value), target);
        }
        (Selector::DocumentTag { tag }, _) => push_tags(sql, std::slice::from_ref(tag), target),
    }
}

fn push_condition(
    sql: &mut QueryBuilder<Postgres>,
    condition: &Condition,
    request: &Request,
    target: Target,
) {
    match (condition, &request.principal, target) {
        (Condition::LabelIn { .. }, _, Target::Documents) => {
            sql.push("false");
        }
        (Condition::LabelIn { key, values }, _, _) => push_label(sql, key, values, target),
        (Condition::TagIn { values }, _, _) => push_tags(sql, values, target),
        (Condition::OwnerIsPrincipal, Some(principal), Target::Documents) => {
            sql.push("documents.uploaded_by = ").push_bind(principal.clone());
        }
        (Condition::OwnerIsPrincipal, Some(principal), Target::Runs) => {
            sql.push("workflow_runs.requested_by = ").push_bind(principal.clone());
        }
        (Condition::OwnerIsPrincipal, Some(_), Target::NewRuns) => {
            sql.push("true");
        }
        (Condition::OwnerIsPrincipal, _, _) => {
            sql.push(literal(Truth::Unknown));
        }
        (Condition::IpIn { .. } | Condition::TimeBetween { .. } | Condition::Mfa, _, _) => {
            sql.push(literal(condition.of_request(request).unwrap_or(Truth::Unknown)));
        }
    }
}

/// Appends whether the document has one of these tags; workflows and runs have none.
fn push_tags(sql: &mut QueryBuilder<Postgres>, tags: &[String], target: Target) {
    match target {
        Target::Documents => {
            sql.push("documents.tags && ").push_bind(tags.to_vec());
        }
        Target::Workflows | Target::NewRuns | Target::Runs => {
            sql.push("false");
        }
    }
}

/// Appends whether the workflow has a label with one of these values: null if its labels are not known, or if it was deleted.
fn push_label(sql: &mut QueryBuilder<Postgres>, key: &str, values: &[String], target: Target) {
    let is_run = target == Target::Runs;
    sql.push(if is_run { "(select " } else { "" });
    sql.push("coalesce(labels ->> ").push_bind(key.to_owned());
    sql.push(" = any(").push_bind(values.to_vec());
    sql.push("), case when labels is not null then false end)");
    if is_run {
        sql.push(
            " from workflows where workflows.tenant_id = workflow_runs.tenant_id \
             and workflows.id = workflow_runs.workflow_id)",
        );
    }
}

fn literal(truth: Truth) -> &'static str {
    match truth {
        Truth::True => "true",
        Truth::False => "false",
        Truth::Unknown => "null::boolean",
    }
}

#[cfg(test)]
mod tests {
    use domain::policy::{ConditionSpec, Grants, PolicySpec, Resource, Source, SourcedPolicy};
    use proptest::{
        collection::vec, option, prelude::*, sample::select, strategy::ValueTree as _,
        test_runner::TestRunner,
    };
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        auth::TenantScope,
        db::{AppPool, MIGRATOR, testing::app_pool},
        mirror::testing::store,
        project::testing::{run, tenant, uid, workflow},
        store::{documents, runs, workflows},
    };

    /// Number of random sets of policies that are compared on all rows.
    const CASES: usize = 150;
    const NAMES: &[&str] = &["a", "b", "c"];
    const PERMISSIONS: [(Permission, Target); 6] = [
        (Permission::WORKFLOW_READ, Target::Workflows),
        (Permission::WORKFLOW_RUN_CREATE, Target::NewRuns),
        (Permission::WORKFLOW_RUN_READ, Target::Runs),
        (Permission::WORKFLOW_RUN_CANCEL, Target::Runs),
        (Permission::DOCUMENT_READ, Target::Documents),
        (Permission::CHUNK_READ, Target::Documents),
    ];

    /// Attributes of a row, as policies see them.
    #[derive(Debug)]
    enum Row {
        Workflow(Attributes),
        Document(Document),
    }

    impl Row {
        fn resource(&self) -> Resource<'_> {
            match self {
                Self::Workflow(attributes) => Resource::Workflow(attributes),
                Self::Document(attributes) => Resource::Document(attributes),
            }
        }
    }

    fn name() -> impl Strategy<Value = String> {
        select(NAMES).prop_map(str::to_owned)
    }

    fn selector() -> impl Strategy<Value = Selector> {
        prop_oneof![
            name().prop_map(|name| Selector::WorkflowName { name }),
            (name(), name()).prop_map(|(key, value)| Selector::WorkflowLabel { key, value }),
            name().prop_map(|tag| Selector::DocumentTag { tag }),
        ]
    }

    fn condition() -> impl Strategy<Value = ConditionSpec> {
        prop_oneof![
            Just(ConditionSpec::OwnerIsPrincipal {}),
            Just(ConditionSpec::Mfa {}),
            (name(), vec(name(), 1..3)).prop_map(|(key, values)| ConditionSpec::LabelIn { key, values }),
            vec(name(), 1..3).prop_map(|values| ConditionSpec::TagIn { values }),
        ]
    }

    fn policies() -> impl Strategy<Value = Vec<SourcedPolicy>> {
        let effect = prop_oneof![3 => Just(Effect::Allow), 1 => Just(Effect::Deny)];
        let actions =
            ["*", "workflow", "workflow.run", "workflow.read", "workflow.run.read", "document", "chunk.read"];
        let actions = select(actions.to_vec());
        let policy = (effect, actions, vec(selector(), 0..3), vec(condition(), 0..3)).prop_map(
            |(effect, action, resources, conditions)| {
                let spec = PolicySpec { effect, actions: vec![action.to_owned()], resources, conditions };
                let source = Source { role: String::new(), role_name: String::new(), policy: None };
                SourcedPolicy { source, policy: spec.validate().expect("the generated values are valid") }
            },
        );
        vec(policy, 1..6)
    }

    fn request() -> impl Strategy<Value = Request> {
        (option::of(name()), option::of(any::<bool>())).prop_map(|(principal, mfa)| Request {
            principal,
            mfa,
            ..Request::default()
        })
    }

    /// Stores workflows with all kinds of labels, runs of them that have an owner or none, and documents with tags and owners. The workflow
    /// of one run was deleted.
    async fn store_rows(owner: &PgPool) {
        let labels = |name: &str, labels: Value| workflow("acme", name).labels(labels).build();
        let of = |workflow: &str, name: &str, by: Value| {
            run("acme", workflow, name).spec("trigger", json!({"kind": "Api", "by": by})).build()
        };
        let mut objects = vec![
            tenant("acme").build(),
            labels("a", json!({"a": "a", "b": "c"})),
            labels("b", json!({"a": "b"})),
            labels("c", json!({})),
            workflow("acme", "unlabelled").build(),
            workflow("acme", "unknown").build(),
        ];
        for workflow in ["a", "b", "c", "unknown", "deleted"] {
            for (number, by) in [json!("a"), json!("b"), Value::Null].into_iter().enumerate() {
                objects.push(of(workflow, &format!("{workflow}-{number}"), by));
            }
        }
        store(owner, objects).await;
        sqlx::query("update workflows set labels = null where name = 'unknown'")
            .execute(owner)
            .await
            .unwrap();
        for (number, (owner_name, tags)) in
            [("a", vec![]), ("a", vec!["a"]), ("b", vec!["a", "b"]), ("c", vec!["c", "d"])]
                .into_iter()
                .enumerate()
        {
            sqlx::query("insert into documents (id, tenant_id, uploaded_by, file_name, tags) values ($1, $2, $3, 'x', $4)")
                .bind(Uuid::from_u128(u128::try_from(number).unwrap() + 1))
                .bind(uid("acme"))
                .bind(owner_name)
                .bind(tags)
                .execute(owner)
                .await
                .unwrap();
        }
    }

    /// Returns the attributes of all rows, as the policies see them, by their IDs.
    async fn attributes(owner: &PgPool, target: Target, principal: Option<&String>) -> Vec<(Uuid, Row)> {
        if target == Target::Documents {
            let rows: Vec<(Uuid, String, Vec<String>)> =
                sqlx::query_as("select id, uploaded_by, tags from documents").fetch_all(owner).await.unwrap();
            let document = |(id, owner, tags): (Uuid, String, Vec<String>)| {
                (id, Row::Document(Document { tags: Some(tags.into_iter().collect()), owner: Some(owner) }))
            };
            return rows.into_iter().map(document).collect();
        }
        let sql = match target {
            Target::Documents => unreachable!("returned above"),
            Target::Workflows | Target::NewRuns => "select id, name, labels, null::text from workflows",
            Target::Runs => {
                "select r.id, r.workflow_name, w.labels, r.requested_by
                 from workflow_runs r left join workflows w on w.id = r.workflow_id"
            }
        };
        let rows: Vec<(Uuid, String, Option<Value>, Option<String>)> =
            sqlx::query_as(sql).fetch_all(owner).await.unwrap();
        let attributes = |(id, name, labels, owner): (Uuid, String, Option<Value>, Option<String>)| {
            let labels =
                labels.map(|labels| serde_json::from_value::<BTreeMap<String, String>>(labels).unwrap());
            let owner = if target == Target::NewRuns { principal.cloned() } else { owner };
            (id, Row::Workflow(Attributes { name, labels, owner }))
        };
        rows.into_iter().map(attributes).collect()
    }

    async fn begin(app: &AppPool, rights: &ConditionalRights) -> TenantTx {
        TenantTx::begin(app, TenantScope::restricted_for_tests(uid("acme"), rights)).await.unwrap()
    }

    /// On every row, the condition of SQL is what the policies decide in Rust: for random policies and requests, known and unknown
    /// labels and owners.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn the_condition_of_sql_is_what_the_policies_decide(owner: PgPool) {
        store_rows(&owner).await;
        let (app, mut runner) = (app_pool(&owner).await, TestRunner::default());
        let strategy = (policies(), request());
        for _ in 0..CASES {
            let (policies, request) = strategy.new_tree(&mut runner).unwrap().current();
            let grants = Grants::new(policies);
            let rights = ConditionalRights::new(grants.clone(), request.clone());
            let mut tx = begin(&app, &rights).await;
            for (permission, target) in PERMISSIONS {
                let rows = attributes(&owner, target, request.principal.as_ref()).await;
                let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
                let permitted = tx.permitted(&ids, permission, target).await.unwrap();
                // A permission without conditions is checked for the operation as a whole.
                let is_checked = tx.restriction(permission).is_some();
                for (id, attributes) in &rows {
                    let allowed = grants.allows(permission, &request, attributes.resource());
                    assert!(
                        permitted.contains(id) == (allowed || !is_checked),
                        "{permission} of {attributes:?} with {request:?}: allowed {allowed}, checked {is_checked}, {grants:#?}"
                    );
                }
            }
        }
    }

    /// Each document that the policies permit has one of the required tags, so that a search among these tags misses none.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn permitted_documents_have_a_required_tag(owner: PgPool) {
        store_rows(&owner).await;
        let mut runner = TestRunner::default();
        let (strategy, permission) = ((policies(), request()), Permission::CHUNK_READ);
        let mut required = 0;
        for _ in 0..CASES {
            let (policies, request) = strategy.new_tree(&mut runner).unwrap().current();
            let grants = Grants::new(policies);
            let rights = ConditionalRights::new(grants.clone(), request.clone());
            let Some(tags) = required_tags(&rights, permission) else { continue };
            for (_, row) in attributes(&owner, Target::Documents, None).await {
                let Row::Document(document) = &row else { continue };
                if grants.allows(permission, &request, row.resource()) {
                    let own = document.tags.as_ref().unwrap();
                    assert!(
                        tags.iter().any(|tag| own.contains(tag)),
                        "{tags:?} of {document:?}: {grants:#?}"
                    );
                    required += 1;
                }
            }
        }
        assert!(required > 0, "no policy permits a document by its tags");
    }

    /// Lists, counts and single rows have exactly what is permitted.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn all_queries_have_the_same_rows(owner: PgPool) {
        store_rows(&owner).await;
        let (app, mut runner) = (app_pool(&owner).await, TestRunner::default());
        let strategy = (policies(), request());
        for _ in 0..CASES / 5 {
            let (policies, request) = strategy.new_tree(&mut runner).unwrap().current();
            let rights = ConditionalRights::new(Grants::new(policies), request.clone());
            let mut tx = begin(&app, &rights).await;
            for (permission, target) in [PERMISSIONS[0], PERMISSIONS[2], PERMISSIONS[4]] {
                let rows = attributes(&owner, target, None).await;
                let ids: Vec<Uuid> = rows.iter().map(|(id, _)| *id).collect();
                let expected = tx.permitted(&ids, permission, target).await.unwrap();
                let (listed, found, counted) = if target == Target::Runs {
                    let query = runs::Query {
                        limit: crate::store::Limit::new(100).unwrap(),
                        ..runs::Query::default()
                    };
                    let listed = runs::list(&mut tx, query).await.unwrap().items;
                    let found = runs::by_ids(&mut tx, &ids).await.unwrap();
                    let listed: HashSet<Uuid> = listed.iter().map(|run| run.id).collect();
                    (
                        listed,
                        found.iter().map(|run| run.id).collect(),
                        runs::count(&mut tx, query).await.unwrap(),
                    )
                } else if target == Target::Documents {
                    let query = documents::Query::default();
                    let listed = documents::list(&mut tx, query).await.unwrap().items;
                    let found = documents::by_ids(&mut tx, &ids).await.unwrap();
                    let ids =
                        |rows: &[documents::Document]| rows.iter().map(|row| row.id).collect::<HashSet<_>>();
                    (ids(&listed), ids(&found), documents::count(&mut tx, query).await.unwrap())
                } else {
                    let query = workflows::Query {
                        limit: crate::store::Limit::new(100).unwrap(),
                        ..workflows::Query::default()
                    };
                    let listed = workflows::list(&mut tx, query).await.unwrap().items;
                    let found = workflows::by_ids(&mut tx, &ids).await.unwrap();
                    let listed: HashSet<Uuid> = listed.iter().map(|workflow| workflow.id).collect();
                    let count = workflows::count(&mut tx, query).await.unwrap();
                    (listed, found.iter().map(|workflow| workflow.id).collect::<HashSet<Uuid>>(), count)
                };
                assert_eq!((&listed, &found), (&expected, &expected), "{rights:#?}");
                assert_eq!(counted.to_string(), expected.len().to_string());
            }
        }
    }
}
