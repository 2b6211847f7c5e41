//! Applies a group of changes of workflows or runs, which belong to the tenants of their namespaces.

use std::collections::HashMap;

use uuid::Uuid;

use super::{
    Session, delete,
    groups::Group,
    quarantine::{self, Reason},
    run, tenant,
    tombstone::{self, RECORD_DELETED},
    workflow,
};
use crate::{
    mirror::{Error, change::Upsert},
    project::{Kind, Row, RunRow, WorkflowRow},
};

/// Rows of the versions of an object, and the tenant that they belong to.
#[derive(Debug)]
pub(super) struct TenantObject<'a, R> {
    pub(super) tenant: Uuid,
    /// Oldest version.
    pub(super) first: &'a R,
    /// The other versions, in their order.
    pub(super) later: Vec<&'a R>,
    /// Resource version at which the object was deleted, if it was.
    pub(super) deleted_at: Option<i64>,
    /// See [`Upsert::read_up_to`].
    pub(super) read_up_to: Option<i64>,
}

/// Applies a group: deletions first, which concern other objects than the versions.
pub(super) async fn apply(session: &mut Session<'_>, kind: Kind, group: &Group<'_>) -> Result<(), Error> {
    delete::apply(session, kind, &group.deleted).await?;
    if group.upserted.is_empty() {
        return Ok(());
    }
    let first: Vec<&Upsert> =
        group.upserted.iter().filter_map(|versions| versions.first().copied()).collect();
    let uids: Vec<Uuid> = first.iter().map(|upsert| upsert.projection.object.identity.uid).collect();
    let tombstones = tombstone::find(session.connection, kind, &uids).await?;
    let namespaces = first.iter().filter_map(|upsert| upsert.projection.object.identity.namespace.clone());
    let tenants = tenant::find_by_namespaces(session.connection, &distinct(namespaces)).await?;
    match kind {
        Kind::Workflow => {
            let objects = stored_objects(session, group, &tombstones, &tenants, workflow_row).await?;
            workflow::upsert(session, &objects).await
        }
        Kind::WorkflowRun => {
            let objects = stored_objects(session, group, &tombstones, &tenants, run_row).await?;
            run::upsert(session, &objects).await
        }
        // Cluster-scoped kinds do not belong to a tenant.
        Kind::Plan | Kind::Tenant => Ok(()),
    }
}

fn workflow_row(row: &Row) -> Option<&WorkflowRow> {
    if let Row::Workflow(row) = row { Some(row) } else { None }
}

fn run_row(row: &Row) -> Option<&RunRow> {
    if let Row::Run(row) = row { Some(row) } else { None }
}

fn distinct(names: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Returns the objects that belong to a tenant and have at least one version that can be projected. Quarantines those without a
/// tenant and those whose newest version cannot be projected, unless they are deleted, and releases the others from the quarantine.
async fn stored_objects<'a, R: 'a>(
    session: &mut Session<'_>,
    group: &Group<'a>,
    tombstones: &HashMap<Uuid, i64>,
    tenants: &HashMap<String, Uuid>,
    row: fn(&Row) -> Option<&R>,
) -> Result<Vec<TenantObject<'a, R>>, Error> {
    let (mut objects, mut released) = (Vec::new(), Vec::new());
    for versions in &group.upserted {
        let Some(newest) = versions.last() else { continue };
        let identity = &newest.projection.object.identity;
        let deleted_at = tombstones
            .get(&identity.uid)
            .copied()
            .filter(|deleted_at| *deleted_at >= identity.resource_version);
        if deleted_at == Some(RECORD_DELETED) {
            released.push((identity.kind, identity.uid));
            continue;
        }
        let tenant = identity.namespace.as_ref().and_then(|namespace| tenants.get(namespace)).copied();
        let problem = match (&newest.projection.row, tenant) {
            (Err(malformed), _) => Some((Reason::Malformed, malformed.to_string())),
            (Ok(_), None) => {
                Some((Reason::UnknownTenant, "its namespace does not belong to a tenant".to_owned()))
            }
            (Ok(_), Some(_)) => None,
        };
        match (problem, deleted_at) {
            (Some((reason, problem)), None) => {
                quarantine::add(session.connection, &newest.projection.object, reason, &problem).await?;
            }
            _ => released.push((identity.kind, identity.uid)),
        }
        let mut rows = versions.iter().filter_map(|upsert| row(upsert.projection.row.as_ref().ok()?));
        if let (Some(tenant), Some(first)) = (tenant, rows.next()) {
            let (later, read_up_to) = (rows.collect(), newest.read_up_to);
            objects.push(TenantObject { tenant, first, later, deleted_at, read_up_to });
        }
    }
    quarantine::release(session.connection, &released).await?;
    Ok(objects)
}
