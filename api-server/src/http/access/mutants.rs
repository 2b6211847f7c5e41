//! Every rule and every grant is tested: if one of them is changed, an answer differs from the page.

use std::collections::BTreeSet;

use axum::Router;
use domain::permission::{Permission, Permissions};
use sqlx::PgPool;

use super::{Matrix, callers, callers::Caller, difference, objects::Which, page, page::Row, permissions};
use crate::{
    auth::{Operations, Rule, testing::Mutant},
    http::testing::Server,
};

/// Fields whose rule cannot be observed: whoever reaches the field has the permission, because the object that the field belongs to needs
/// it, too, or the field finds its object as a field of `Query` does, with the rule of that.
const IMPLIED: [&str; 5] = [
    "Workflow.revisions",
    "Workflow.revisionByNumber",
    "Invitation.user",
    "ApiKey.serviceAccount",
    "SemanticChunk.document",
];
/// Callers that notice most changes, and are asked first.
const FIRST: [&str; 2] = ["all but it", "no token"];

impl Matrix {
    /// Returns whether an answer to an operation is another one than on the page.
    async fn differs(&self, router: &Router, row: &Row, callers: &[Caller]) -> bool {
        let (first, others): (Vec<_>, Vec<_>) = callers
            .iter()
            .filter(|caller| caller.state == "ACTIVE")
            .partition(|caller| FIRST.contains(&caller.name));
        for caller in first.into_iter().chain(others) {
            let found = self.send(router, row.operation, caller.token(row), Which::Own).await;
            if difference(row, caller, Which::Own, &found).is_some() {
                return true;
            }
        }
        false
    }
}

/// Operations that are given another rule at the same time. Their checks do not depend on each other.
struct Mistake {
    rule: Rule,
    operations: Vec<String>,
}

/// Returns what could go wrong: each operation with a permission is open to everybody with a token, and each of REST to everybody.
fn mistakes(operations: &Operations) -> Vec<Mistake> {
    let all = operations.clone().all();
    let is_edge =
        |name: &str| !(name.contains(' ') || name.starts_with("Query.") || name.starts_with("Mutation."));
    let permitted = all.iter().filter(|(_, rule)| matches!(rule, Rule::Permitted(_))).map(|(name, _)| name);
    // A field of an object is reached through another operation, which keeps its rule.
    let (edges, roots): (Vec<_>, Vec<_>) = permitted.cloned().partition(|name| is_edge(name));
    let of_rest = all.iter().filter(|(name, rule)| name.contains(' ') && *rule != Rule::Public);
    let mut mistakes = vec![
        Mistake { rule: Rule::Authenticated, operations: roots },
        Mistake { rule: Rule::Public, operations: of_rest.map(|(name, _)| name.clone()).collect() },
    ];
    mistakes
        .extend(edges.into_iter().map(|edge| Mistake { rule: Rule::Authenticated, operations: vec![edge] }));
    mistakes
}

/// If any operation lost its permission, or needed no token, an answer would differ from the page.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_rule_is_tested(pool: PgPool) {
    let matrix = Matrix::start(pool).await;
    let callers = callers::create(&matrix.server, &matrix.owner).await;
    let right = Operations::load().unwrap();
    let (mut noticed, mut unnoticed) = (0, BTreeSet::new());
    for Mistake { rule, operations } in mistakes(&right) {
        let wrong = operations.iter().fold(right.clone(), |all, operation| all.with(operation, rule));
        let router = matrix.server.with_operations(wrong);
        for operation in operations {
            let row = matrix.rows.iter().find(|row| row.operation == operation).unwrap();
            match matrix.differs(&router, row, &callers).await {
                true => noticed += 1,
                false => drop(unnoticed.insert(operation)),
            }
        }
    }
    println!("{noticed} changed rules were noticed");
    assert_eq!(unnoticed, IMPLIED.map(str::to_owned).into());
}

/// If any role lost a permission, or got one that it lacks, an answer would differ from the page.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn each_grant_is_tested(pool: PgPool) {
    let matrix = Matrix::start(pool).await;
    let callers = callers::create(&matrix.server, &matrix.owner).await;
    let router = matrix.server.router();
    let (mut by_operations, mut by_list, mut unnoticed) = (0, 0, Vec::new());
    for (role, granted) in page::roles() {
        let caller = callers.iter().find(|caller| caller.name == role).unwrap();
        for permission in Permission::all() {
            let one = Permissions::matching(|other| other == permission);
            let (lost, gained) = match granted.contains(permission.name()) {
                true => (one, Permissions::NONE),
                false => (Permissions::NONE, one),
            };
            matrix.server.mutate(Some(Mutant { role, lost, gained }));
            if is_noticed(&matrix, &router, caller, permission.name()).await {
                by_operations += 1;
            } else if has_other_permissions(&matrix.server, role, &granted).await {
                by_list += 1;
            } else {
                unnoticed.push(format!("{role}: {permission}"));
            }
        }
    }
    println!(
        "{by_operations} changed grants were noticed by operations, {by_list} by the list of permissions alone"
    );
    assert_eq!(unnoticed, [""; 0]);
}

async fn is_noticed(matrix: &Matrix, router: &Router, caller: &Caller, permission: &str) -> bool {
    for row in matrix.rows.iter().filter(|row| row.requires.contains(&permission)) {
        let found = matrix.send(router, row.operation, caller.token(row), Which::Own).await;
        if difference(row, caller, Which::Own, &found).is_some() {
            return true;
        }
    }
    false
}

async fn has_other_permissions(server: &Server, role: &str, expected: &BTreeSet<&str>) -> bool {
    let found = permissions(server, role).await;
    found.iter().map(String::as_str).collect::<BTreeSet<_>>() != *expected
}
