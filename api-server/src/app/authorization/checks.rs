//! Checks of the caller's own rights.

use std::collections::{HashMap, HashSet};

use domain::{
    permission::{Permission, Permissions},
    policy::Certainty,
};
use uuid::Uuid;

use super::resource::{ResourceReference, invalid, permission, require_kind};
use crate::{
    app::{App, Error},
    auth::Membership,
    store::{Target, TenantTx, documents, runs, workflows},
};

const ACTION: &str = "check rights";
/// Maximum number of questions of a request.
pub const MAX_CHECKS: usize = 100;

/// Question whether the caller has a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Name of the permission.
    pub action: String,
    /// Resource; `None` for the permission in general.
    pub resource: Option<ResourceReference>,
}

/// Answer to a [`Check`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedRight {
    /// Whether the caller has the permission: for the resource, or for all resources if the question names none.
    pub allowed: bool,
    /// Whether it depends on the resource, which the question does not name.
    pub depends: bool,
}

/// Resources of a kind that questions name.
#[derive(Default)]
struct Named {
    /// IDs of all.
    ids: HashSet<Uuid>,
    /// IDs by permission.
    by_permission: HashMap<Permission, HashSet<Uuid>>,
}

/// Answers questions of the caller about its own rights, in the same order. What the caller cannot read, it has no rights for.
///
/// # Errors
/// Returns an error if there is no question or there are too many, if one has an error, or if the database fails.
pub async fn check_all(
    app: &App,
    tenant: &Membership,
    permissions: Permissions,
    checks: &[Check],
) -> Result<Vec<CheckedRight>, Error> {
    if !(1..=MAX_CHECKS).contains(&checks.len()) {
        return Err(invalid(ACTION, "/checks", &format!("must have 1 to {MAX_CHECKS} items")));
    }
    let mut questions = Vec::with_capacity(checks.len());
    for (index, Check { action, resource }) in checks.iter().enumerate() {
        let permission = permission(ACTION, &format!("/checks/{index}/action"), action)?;
        if let Some(resource) = resource {
            require_kind(ACTION, &format!("/checks/{index}/resource"), permission, *resource)?;
        }
        questions.push((permission, *resource));
    }
    let allowed = allowed_resources(app, tenant, permissions, &questions).await?;
    let answer = |(permission, resource): &(Permission, Option<ResourceReference>)| match resource {
        Some(resource) => {
            CheckedRight { allowed: allowed.contains(&(*permission, *resource)), depends: false }
        }
        None => {
            let rights = tenant.rights.as_ref().filter(|rights| rights.restricts(*permission));
            let depends = permissions.allows(*permission)
                && rights.is_some_and(|rights| rights.now().certainty(*permission) == Certainty::Depends);
            CheckedRight { allowed: tenant.grantable(permissions).allows(*permission), depends }
        }
    };
    Ok(questions.iter().map(answer).collect())
}

/// Returns the pairs of permission and resource that are allowed.
async fn allowed_resources(
    app: &App,
    tenant: &Membership,
    permissions: Permissions,
    questions: &[(Permission, Option<ResourceReference>)],
) -> Result<HashSet<(Permission, ResourceReference)>, Error> {
    let (mut of_workflows, mut of_runs, mut of_documents) =
        (Named::default(), Named::default(), Named::default());
    for (permission, resource) in questions {
        match resource {
            Some(ResourceReference::Workflow(id)) => of_workflows.add(*permission, *id),
            Some(ResourceReference::WorkflowRun(id)) => of_runs.add(*permission, *id),
            Some(ResourceReference::Document(id)) => of_documents.add(*permission, *id),
            None => {}
        }
    }
    let mut allowed = HashSet::new();
    if [&of_workflows, &of_runs, &of_documents].iter().all(|named| named.ids.is_empty()) {
        return Ok(allowed);
    }
    let mut tx = TenantTx::begin(&app.db, tenant.scope).await?;
    let ids: Vec<Uuid> = of_workflows.ids.iter().copied().collect();
    let visible = workflows::by_ids(&mut tx, &ids).await?.into_iter().map(|workflow| workflow.id).collect();
    for (permission, id) in of_workflows.permitted(&mut tx, permissions, &visible, Target::Workflows).await? {
        allowed.insert((permission, ResourceReference::Workflow(id)));
    }
    let ids: Vec<Uuid> = of_runs.ids.iter().copied().collect();
    let visible = runs::by_ids(&mut tx, &ids).await?.into_iter().map(|run| run.id).collect();
    for (permission, id) in of_runs.permitted(&mut tx, permissions, &visible, Target::Runs).await? {
        allowed.insert((permission, ResourceReference::WorkflowRun(id)));
    }
    let ids: Vec<Uuid> = of_documents.ids.iter().copied().collect();
    let visible = documents::by_ids(&mut tx, &ids).await?.into_iter().map(|document| document.id).collect();
    for (permission, id) in of_documents.permitted(&mut tx, permissions, &visible, Target::Documents).await? {
        allowed.insert((permission, ResourceReference::Document(id)));
    }
    Ok(allowed)
}

impl Named {
    fn add(&mut self, permission: Permission, id: Uuid) {
        self.ids.insert(id);
        self.by_permission.entry(permission).or_default().insert(id);
    }

    /// Returns the pairs that are permitted among the visible resources.
    async fn permitted(
        &self,
        tx: &mut TenantTx,
        permissions: Permissions,
        visible: &HashSet<Uuid>,
        target: Target,
    ) -> Result<Vec<(Permission, Uuid)>, Error> {
        let mut found = Vec::new();
        for (permission, ids) in &self.by_permission {
            if !permissions.allows(*permission) {
                continue;
            }
            // Whoever starts a run is its owner.
            let target = match target {
                Target::Workflows if *permission == Permission::WORKFLOW_RUN_CREATE => Target::NewRuns,
                target => target,
            };
            let ids: Vec<Uuid> = ids.intersection(visible).copied().collect();
            let permitted = tx.permitted(&ids, *permission, target).await?;
            found.extend(permitted.into_iter().map(|id| (*permission, id)));
        }
        Ok(found)
    }
}
