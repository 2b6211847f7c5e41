//! Work for archived tenants: their data is exported, and they may be purged once their retention has ended. What counts is the
//! archiving that the mirror has recorded, by the clock of the database.

use crds::{
    Tenant, conditions,
    constants::DEFAULT_ARCHIVED_FOR_SECONDS,
    tenant::{TenantExport, TenantState},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use telemetry::clock;
use uuid::Uuid;

use super::{
    Error, Resources,
    export::{self, Export},
    metrics::Metrics,
    status::{self, EndStatus, Report},
    task::{Due, Task, TenantWork},
};
use crate::{db, objects::Objects};

/// Reasons of the condition `Exported`.
const EXPORTED: &str = "Exported";
const EXPORTING: &str = "Exporting";
const NOT_CONFIGURED: &str = "ObjectStorageNotConfigured";
const STORAGE_UNAVAILABLE: &str = "ObjectStorageUnavailable";
const NOT_MIRRORED: &str = "ObjectsNotMirrored";
const EXPORT_FAILED: &str = "ExportFailed";

/// Work for archived tenants.
#[derive(Clone)]
pub(super) struct Archivings {
    pub(super) resources: Resources,
    pub(super) metrics: Metrics,
}

/// The archiving of a tenant, as the mirror has recorded it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Archiving {
    pub(super) tenant: Uuid,
    pub(super) archived_at: Timestamp,
    pub(super) seen_at: Timestamp,
    pub(super) export_id: Uuid,
    pub(super) exported_at: Option<Timestamp>,
}

impl Archiving {
    /// Returns the recorded archiving of a tenant.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    pub(super) async fn find(pool: &db::MirrorPool, tenant: Uuid) -> Result<Option<Self>, Error> {
        let row = sqlx::query!(
            "select archived_at, seen_at, export_id, exported_at from tenant_archivings where tenant_id = $1",
            tenant
        )
        .fetch_optional(pool.inner())
        .await
        .map_err(Error::database("find the archiving of a tenant"))?;
        Ok(row.map(|row| Self {
            tenant,
            archived_at: row.archived_at.to_jiff(),
            seen_at: row.seen_at.to_jiff(),
            export_id: row.export_id,
            exported_at: row.exported_at.map(db::Timestamp::to_jiff),
        }))
    }

    /// Returns whether the object is archived, and since the same time.
    fn is_that_of(&self, tenant: &Tenant) -> bool {
        archived_at(tenant).is_some_and(|at| at.as_second() == self.archived_at.as_second())
    }
}

impl TenantWork for Archivings {
    const NAME: &'static str = "archiving";
    /// An export holds a few MiB, and one connection to the database at a time.
    const CONCURRENCY: usize = 2;

    async fn due(&self) -> Result<Due, Error> {
        let rows = sqlx::query!(
            r#"select t.id, t.uid as "uid!", t.slug, t.resource_version, t.archived_at, t.export_of, t.purgeable,
                      without_nul(t.spec) ->> 'deletionPolicy' as policy,
                      without_nul(t.spec) #>> '{retention,archivedFor}' as archived_for,
                      a.seen_at as "seen_at?", a.exported_at
               from tenants t left join tenant_archivings a on a.tenant_id = t.id
               where t.deleted_at is null and (t.archived_at is not null or t.reports_archiving) and t.uid is not null
                 and not exists (select from tenant_deletions d where d.tenant_id = t.id and d.uid = t.uid)
                 and not exists (select from mirror_cluster where halted is not null)
               order by t.archived_at, t.id"#
        )
        .fetch_all(self.resources.mirror.inner())
        .await
        .map_err(Error::database("find archived tenants"))?;
        let (now, mut due) = (clock::now(), Due::default());
        for row in rows {
            let purge_at = row.seen_at.and_then(|seen_at| {
                purge_at(seen_at.to_jiff(), row.policy.as_deref(), row.archived_for.as_deref())
            });
            let is_purgeable = row.exported_at.is_some() && purge_at.is_some_and(|at| at <= now);
            let is_reported = row.archived_at.is_some()
                && row.exported_at.is_some()
                && row.export_of == row.archived_at
                && row.purgeable == is_purgeable;
            if !is_reported {
                let (tenant, uid, version) = (row.id, row.uid, row.resource_version);
                due.tasks.push(Task { tenant, uid, slug: row.slug, version });
            } else if let Some(left) =
                purge_at.filter(|_| !is_purgeable).and_then(|at| at.duration_since(now).try_into().ok())
            {
                due.next = Some(due.next.map_or(left, |next| left.min(next)));
            }
        }
        Ok(due)
    }

    async fn execute(&self, task: &Task) -> Result<(), Error> {
        let Some(tenant) = status::read(&self.resources.client, task).await? else { return Ok(()) };
        let archiving = Archiving::find(&self.resources.mirror, task.tenant).await?;
        match archiving {
            Some(archiving) if archiving.is_that_of(&tenant) => self.advance(task, &tenant, archiving).await,
            // The mirror is about to store the object.
            _ if archived_at(&tenant).is_some() => Err(Error::Conflict),
            _ => status::update(&self.resources.client, &tenant, clear).await,
        }
    }

    fn count_failure(&self) {
        self.metrics.count_failure(Self::NAME);
    }
}

impl Archivings {
    async fn advance(&self, task: &Task, tenant: &Tenant, archiving: Archiving) -> Result<(), Error> {
        let client = &self.resources.client;
        let Some(objects) = self.resources.objects.as_ref() else {
            let message = "no object storage is configured: set objectStorage in the values of the chart";
            return self.report(tenant, NOT_CONFIGURED, message.to_owned()).await;
        };
        if archiving.exported_at.is_none() {
            let location = objects.url(&export::folder(&task.slug, archiving.export_id));
            let begins = format!("the data is being exported to {location}");
            let reported =
                tenant.status.as_ref().and_then(|s| conditions::get(&s.conditions, conditions::EXPORTED));
            // A retry reports its failure, and not that it begins again.
            if reported.is_none_or(|reported| reported.status == conditions::TRUE) {
                self.report(tenant, EXPORTING, begins).await?;
            }
            let exported = self.export(task, archiving, objects).await;
            if let Err(error) = exported {
                self.report_failure(task, &error).await?;
                return Err(error);
            }
            // The status has been written since the object was read.
            let Some(tenant) = status::read(client, task).await? else { return Ok(()) };
            return self.report_exported(task, &tenant, objects).await;
        }
        self.report_exported(task, tenant, objects).await
    }

    async fn export(&self, task: &Task, archiving: Archiving, objects: &Objects) -> Result<(), Error> {
        self.metrics.exports.inc();
        let export = Export::new(&self.resources, objects, &self.metrics, task.slug.clone(), archiving);
        let exported = export.run().await;
        self.metrics.exports.dec();
        exported
    }

    async fn report(&self, tenant: &Tenant, reason: &str, message: String) -> Result<(), Error> {
        let change = |status: &mut EndStatus| {
            let report = Report { kind: conditions::EXPORTED, holds: false, reason, message };
            status.set(tenant, report, clock::now());
            status.remove(conditions::PURGEABLE);
            status.export = None;
        };
        status::update(&self.resources.client, tenant, change).await
    }

    async fn report_failure(&self, task: &Task, error: &Error) -> Result<(), Error> {
        let reason = match error {
            Error::Storage(_) => STORAGE_UNAVAILABLE,
            Error::Quarantined { .. } => NOT_MIRRORED,
            error if error.is_expected() => return Ok(()),
            _ => EXPORT_FAILED,
        };
        let Some(tenant) = status::read(&self.resources.client, task).await? else { return Ok(()) };
        if archived_at(&tenant).is_none() {
            return Ok(());
        }
        let message = format!("{}; the export is retried", telemetry::errors::chain(error));
        self.report(&tenant, reason, message).await
    }

    /// Reports the export that Postgres says is complete, and whether the tenant may be purged.
    async fn report_exported(&self, task: &Task, tenant: &Tenant, objects: &Objects) -> Result<(), Error> {
        let archiving = Archiving::find(&self.resources.mirror, task.tenant).await?;
        let Some(archiving) = archiving.filter(|archiving| archiving.is_that_of(tenant)) else {
            return Err(Error::Conflict);
        };
        if archiving.exported_at.is_none() {
            return Err(Error::Superseded);
        }
        let totals = export::totals(&self.resources.mirror, archiving).await?;
        let location = objects.url(&export::folder(&task.slug, archiving.export_id));
        let (now, purge_at) = (clock::now(), purge_at_of(tenant, archiving.seen_at));
        let change = |status: &mut EndStatus| {
            let message = format!("exported to {location}: {totals}");
            let exported = Report { kind: conditions::EXPORTED, holds: true, reason: EXPORTED, message };
            status.set(tenant, exported, now);
            status.export = Some(TenantExport { location, archived_at: Time(archiving.archived_at) });
            match purge_at {
                Some(at) => status.set(tenant, purgeable(at, now), now),
                None => status.remove(conditions::PURGEABLE),
            }
        };
        status::update(&self.resources.client, tenant, change).await
    }
}

fn purgeable(at: Timestamp, now: Timestamp) -> Report<'static> {
    let kind = conditions::PURGEABLE;
    if at <= now {
        let message = "the data is exported, and the retention has ended".to_owned();
        Report { kind, holds: true, reason: "RetentionEnded", message }
    } else {
        Report { kind, holds: false, reason: "Retained", message: format!("the retention ends at {at:.0}") }
    }
}

/// Removes what is said about an archiving of a tenant that is not archived.
fn clear(status: &mut EndStatus) {
    status.remove(conditions::EXPORTED);
    status.remove(conditions::PURGEABLE);
    status.export = None;
}

/// Returns the time at which the tenant was archived, if its spec and its status say so.
fn archived_at(tenant: &Tenant) -> Option<Timestamp> {
    let is_archived = tenant.spec.state == Some(TenantState::Archived);
    let archived_at = tenant.status.as_ref().and_then(|status| status.archived_at.as_ref());
    archived_at.filter(|_| is_archived).map(|at| at.0)
}

fn purge_at_of(tenant: &Tenant, seen_at: Timestamp) -> Option<Timestamp> {
    use crds::tenant::DeletionPolicy::Delete;
    let policy = tenant.spec.deletion_policy.filter(|policy| *policy == Delete).map(|_| "Delete");
    let retention = tenant.spec.retention.as_ref().and_then(|retention| retention.archived_for.as_ref());
    purge_at(seen_at, policy, retention.map(crds::Duration::as_str))
}

/// Returns the time from which a tenant may be purged that was seen archived at `seen_at`; `None` if its data is retained.
fn purge_at(seen_at: Timestamp, policy: Option<&str>, archived_for: Option<&str>) -> Option<Timestamp> {
    policy.filter(|policy| *policy == "Delete")?;
    let archived_for = archived_for
        .and_then(|text| SignedDuration::try_from(text.parse::<crds::Duration>().ok()?.to_std().ok()?).ok())
        .unwrap_or(SignedDuration::from_secs(DEFAULT_ARCHIVED_FOR_SECONDS));
    seen_at.checked_add(archived_for).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The retention begins when the api-server itself has seen the tenant archived, and only a tenant whose policy is Delete is
    /// ever purged.
    #[test]
    fn a_tenant_may_be_purged_after_its_retention() {
        let seen_at = Timestamp::from_second(1_000).unwrap();
        let second = |policy, archived_for| purge_at(seen_at, policy, archived_for).map(|at| at.as_second());
        assert_eq!(second(Some("Delete"), Some("2h")), Some(1_000 + 7_200));
        assert_eq!(second(Some("Delete"), None), Some(1_000 + 30 * 86_400));
        assert_eq!(second(Some("Retain"), Some("2h")), None);
        assert_eq!(second(None, Some("2h")), None);
    }
}
