//! Work for deleted tenants: the stored outputs and the records of the database are deleted before the namespace is. The operator
//! says when, and this module whether: it reads the object itself, and relies on what the operator cannot write.

use crds::{
    Tenant, conditions, labels,
    tenant::{DELETING_DATA, DataDeletion, DeletionPolicy, TenantState},
};
use kube::ResourceExt as _;
use serde_json::json;
use telemetry::clock;
use uuid::Uuid;

use super::{
    Error, Resources,
    archiving::Archiving,
    export,
    metrics::Metrics,
    status::{self, EndStatus, Report},
    task::{Due, Task, TenantWork},
};
use crate::{
    app::audit::{Change, Ending, audited, operation_of_job, record_changes, record_object},
    retention::{PurgeError, Purged, purge},
};

/// Name of the deletion in the audit log. The audit events of a deleted tenant outlive its data.
const JOB: &str = "tenant.data.delete";

/// Work for deleted tenants.
#[derive(Clone)]
pub(super) struct Deletions {
    pub(super) resources: Resources,
    pub(super) metrics: Metrics,
}

/// Decision about the data of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Decision {
    /// The data is not to be deleted.
    Retain,
    /// The data is deleted.
    Delete,
    /// The data is not deleted as long as the reason holds, which the message explains.
    Refuse(DataDeletion, String),
}

impl TenantWork for Deletions {
    const NAME: &'static str = "deletion";
    /// A deletion holds nothing but a connection to the database at a time.
    const CONCURRENCY: usize = 4;

    async fn due(&self) -> Result<Due, Error> {
        let tasks = sqlx::query_as!(
            Task,
            r#"select id as "tenant!", uid as "uid!", slug as "slug!", resource_version as "version!" from tenants
               where deleted_at is null and awaits_data_deletion and uid is not null
                 and not exists (select from mirror_cluster where halted is not null)
               union all
               select coalesce(t.id, '00000000-0000-0000-0000-000000000000'), q.uid, q.name, q.resource_version
               from mirror_quarantine q left join tenants t on t.uid = q.uid and t.deleted_at is null
               where q.kind = 'TENANT' and without_nul(q.object) #>> '{metadata,deletionTimestamp}' is not null"#
        )
        .fetch_all(self.resources.mirror.inner())
        .await
        .map_err(Error::database("find deleted tenants"))?;
        Ok(Due { tasks, next: None })
    }

    async fn execute(&self, task: &Task) -> Result<(), Error> {
        let Some(tenant) = status::read(&self.resources.client, task).await? else { return Ok(()) };
        if !awaits_deletion(&tenant) {
            return Ok(());
        }
        let archiving = Archiving::find(&self.resources.mirror, task.tenant).await?;
        match decide(&tenant, archiving) {
            Decision::Retain => self.withdraw(task.tenant).await,
            Decision::Refuse(reason, message) => {
                self.report(&tenant, reason, message).await?;
                if reason == DataDeletion::WaitingForExport { Err(Error::WaitsForExport) } else { Ok(()) }
            }
            Decision::Delete => self.delete(task, &tenant, archiving).await,
        }
    }

    fn count_failure(&self) {
        self.metrics.count_failure(Self::NAME);
    }
}

impl Deletions {
    async fn delete(&self, task: &Task, tenant: &Tenant, archiving: Option<Archiving>) -> Result<(), Error> {
        if task.tenant.is_nil() {
            let message = "the database has no records of the tenant".to_owned();
            return self.report(tenant, DataDeletion::Deleted, message).await;
        }
        self.approve(task).await?;
        // A retry reports its failure, and not that it begins again.
        if reported(tenant).is_none_or(DataDeletion::continues) {
            let message = "stored outputs and records of the database are being deleted".to_owned();
            self.report(tenant, DataDeletion::Deleting, message).await?;
        }
        let Resources { mirror, objects, .. } = &self.resources;
        let kept = archiving.filter(|archiving| archiving.exported_at.is_some());
        let deleted = async {
            export::delete_obsolete(mirror, objects.as_ref(), &task.slug, task.tenant, kept).await?;
            Ok(purge(mirror, objects.as_ref(), task.tenant).await?)
        };
        let operation = operation_of_job(mirror, task.tenant, JOB);
        let audited =
            audited(operation, recorded(task, deleted), |outcome: &Result<Purged, Error>| match outcome {
                Ok(_) => Ending::Succeeded,
                Err(_) => Ending::Failed("deletion_failed"),
            });
        let outcome = audited.await.map_err(Error::Audit)?;
        // The status has been written since the object was read.
        let Some(tenant) = status::read(&self.resources.client, task).await? else { return Ok(()) };
        match outcome {
            Ok(purged) => {
                self.complete(task.tenant).await?;
                self.report(&tenant, DataDeletion::Deleted, describe(&purged)).await
            }
            Err(error) => {
                let message = telemetry::errors::chain(&error);
                match &error {
                    Error::Purge(PurgeError::NotConfigured) => {
                        self.report(&tenant, DataDeletion::ObjectStorageNotConfigured, message).await?;
                    }
                    Error::Purge(PurgeError::Storage(_)) | Error::Storage(_) => {
                        let message = format!("{message}; the deletion is retried");
                        self.report(&tenant, DataDeletion::ObjectStorageUnavailable, message).await?;
                    }
                    _ => {}
                }
                Err(error)
            }
        }
    }

    /// Records that the data of a tenant may be deleted. The final sweep deletes what arrives after the deletion only if this is
    /// recorded.
    async fn approve(&self, task: &Task) -> Result<(), Error> {
        sqlx::query!(
            "insert into tenant_deletions as d (tenant_id, uid) values ($1, $2)
             on conflict (tenant_id) do update set uid = excluded.uid, approved_at = now(), completed_at = null
               where d.uid <> excluded.uid",
            task.tenant,
            task.uid
        )
        .execute(self.resources.mirror.inner())
        .await
        .map(drop)
        .map_err(Error::database("record that a tenant's data may be deleted"))
    }

    async fn complete(&self, tenant: Uuid) -> Result<(), Error> {
        sqlx::query!("update tenant_deletions set completed_at = now() where tenant_id = $1", tenant)
            .execute(self.resources.mirror.inner())
            .await
            .map(drop)
            .map_err(Error::database("record that a tenant's data is deleted"))
    }

    /// Removes the record that the data of a tenant may be deleted, since its policy is Retain now.
    async fn withdraw(&self, tenant: Uuid) -> Result<(), Error> {
        sqlx::query!("delete from tenant_deletions where tenant_id = $1", tenant)
            .execute(self.resources.mirror.inner())
            .await
            .map(drop)
            .map_err(Error::database("record that a tenant's data is retained"))
    }

    async fn report(&self, tenant: &Tenant, reason: DataDeletion, message: String) -> Result<(), Error> {
        let change = |status: &mut EndStatus| {
            let holds = reason == DataDeletion::Deleted;
            let report = Report { kind: conditions::DATA_DELETED, holds, reason: reason.as_str(), message };
            status.set(tenant, report, clock::now());
        };
        status::update(&self.resources.client, tenant, change).await
    }
}

/// Executes a deletion and records in the audit log what was deleted.
async fn recorded(
    task: &Task,
    deletion: impl Future<Output = Result<Purged, Error>>,
) -> Result<Purged, Error> {
    record_object("TENANT", Some(task.tenant), &task.slug);
    let purged = deletion.await?;
    let count = |field: &str, count: u64| Change::new(field, Some(json!(count)), Some(json!(0)));
    let Purged { outputs, documents, rows } = &purged;
    record_changes([
        count("/outputs", *outputs),
        count("/documents", *documents),
        count("/runs", rows.runs),
        count("/logs", rows.logs),
    ]);
    Ok(purged)
}

/// Decides about the data of a deleted tenant: the operator can write neither its spec nor its annotations, and the archiving is
/// the record of the api-server itself.
fn decide(tenant: &Tenant, archiving: Option<Archiving>) -> Decision {
    let is_deleted = tenant.metadata.deletion_timestamp.is_some();
    if !is_deleted || tenant.spec.deletion_policy != Some(DeletionPolicy::Delete) {
        return Decision::Retain;
    }
    let name = tenant.name_any();
    let confirmed = tenant.annotations().get(labels::CONFIRM_DELETE) == Some(&name);
    let archiving = archiving.filter(|_| tenant.spec.state == Some(TenantState::Archived));
    match archiving {
        _ if confirmed => Decision::Delete,
        Some(Archiving { exported_at: Some(_), .. }) => Decision::Delete,
        Some(_) => match export_failure(tenant) {
            None => Decision::Refuse(
                DataDeletion::WaitingForExport,
                "the data of the archived tenant is exported before it is deleted".to_owned(),
            ),
            Some(failure) => Decision::Refuse(
                DataDeletion::NotConfirmed,
                format!("the data of the archived tenant is not exported: {failure}. {}", confirm(&name)),
            ),
        },
        None => Decision::Refuse(
            DataDeletion::NotConfirmed,
            format!("the tenant is not known to be archived. {}", confirm(&name)),
        ),
    }
}

/// Returns whether the operator waits until the data is deleted.
fn awaits_deletion(tenant: &Tenant) -> bool {
    let conditions = tenant.status.as_ref().map_or(&[][..], |status| &status.conditions);
    let reconciling = conditions::get(conditions, conditions::RECONCILING);
    reconciling.is_some_and(|reconciling| reconciling.reason == DELETING_DATA)
        && !conditions::is_true(conditions, conditions::DATA_DELETED)
}

fn reported(tenant: &Tenant) -> Option<DataDeletion> {
    let status = tenant.status.as_ref()?;
    conditions::get(&status.conditions, conditions::DATA_DELETED)?.reason.parse().ok()
}

fn confirm(name: &str) -> String {
    format!(
        "To delete the data without an export, run `kubectl annotate sten {name} {}={name}`",
        labels::CONFIRM_DELETE
    )
}

/// Returns why the export does not continue by itself.
fn export_failure(tenant: &Tenant) -> Option<String> {
    let status = tenant.status.as_ref()?;
    let exported = conditions::get(&status.conditions, conditions::EXPORTED)?;
    let continues = exported.reason == "Exporting" || exported.status == conditions::TRUE;
    (!continues).then(|| exported.message.clone())
}

fn describe(Purged { outputs, documents, rows }: &Purged) -> String {
    let (runs, logs) = (rows.runs, rows.logs);
    format!("deleted {outputs} stored outputs, {documents} documents, {runs} records of runs and {logs} logs")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn tenant(annotations: &str, spec: &str, conditions: &str) -> Tenant {
        let text = format!(
            "{{metadata: {{name: acme, deletionTimestamp: '2026-11-24T09:00:00Z', annotations: {annotations}}}, \
             spec: {{planRef: {{name: starter}}, {spec}}}, \
             status: {{archivedAt: '2026-11-24T08:00:00Z', conditions: [{conditions}]}}}}"
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn archiving(exported: bool) -> Archiving {
        let at = Timestamp::from_second(1).unwrap();
        let exported_at = exported.then_some(at);
        Archiving { tenant: Uuid::nil(), archived_at: at, seen_at: at, export_id: Uuid::nil(), exported_at }
    }

    const CONFIRMED: &str = "{smbcopilot.dev/confirm-delete: acme}";
    const ARCHIVED: &str = "state: Archived, deletionPolicy: Delete";

    /// Data is deleted if the deletion is confirmed, or if the api-server itself has exported it; never on the word of the
    /// operator's status alone.
    #[test]
    fn data_is_deleted_only_on_what_the_operator_cannot_write() {
        let decided = |annotations, spec, archiving| decide(&tenant(annotations, spec, ""), archiving);
        assert_eq!(decided(CONFIRMED, "deletionPolicy: Delete", None), Decision::Delete);
        assert_eq!(decided("{}", ARCHIVED, Some(archiving(true))), Decision::Delete);
        assert_eq!(decided(CONFIRMED, "deletionPolicy: Retain", Some(archiving(true))), Decision::Retain);
        for (annotations, spec, archiving) in [
            ("{}", ARCHIVED, None),
            ("{}", "deletionPolicy: Delete", Some(archiving(true))),
            ("{smbcopilot.dev/confirm-delete: globex}", "deletionPolicy: Delete", None),
        ] {
            let decision = decided(annotations, spec, archiving);
            let Decision::Refuse(DataDeletion::NotConfirmed, message) = decision else {
                panic!("{decision:?}")
            };
            assert!(message.contains("kubectl annotate sten acme"), "{message}");
        }
        let mut present = tenant(CONFIRMED, ARCHIVED, "");
        present.metadata.deletion_timestamp = None;
        assert_eq!(decide(&present, Some(archiving(true))), Decision::Retain);
    }

    /// The deletion of an archived tenant waits for its export; if that fails, the message says why and what to do.
    #[test]
    fn the_deletion_of_an_archived_tenant_waits_for_its_export() {
        let waiting = decide(&tenant("{}", ARCHIVED, ""), Some(archiving(false)));
        assert!(matches!(waiting, Decision::Refuse(DataDeletion::WaitingForExport, _)));
        let failed = "{type: Exported, status: 'False', reason: ObjectStorageNotConfigured, message: no storage, \
                      lastTransitionTime: '2026-11-24T08:00:00Z'}";
        let refused = decide(&tenant("{}", ARCHIVED, failed), Some(archiving(false)));
        let Decision::Refuse(DataDeletion::NotConfirmed, message) = refused else { panic!("{refused:?}") };
        assert!(message.contains("no storage") && message.contains("confirm-delete=acme"), "{message}");
    }
}
