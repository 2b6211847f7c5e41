//! One run, found by what a user knows of it, with its content if that is small, in one statement.

use uuid::Uuid;

use super::{READ, Run, RunContent};
use crate::store::{ContentSize, Error, InlineContent, Target, TenantTx};

/// What a user knows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunReference<'a> {
    /// ID of the run, or UID of its object.
    pub id: Option<Uuid>,
    /// Name of the object.
    pub name: Option<&'a str>,
}

/// Run with the size of its content, and with the content if it was requested and is small enough.
#[derive(Clone, Debug, PartialEq)]
pub struct FoundRun {
    /// Row of the run.
    pub run: Run,
    /// Size of the content; zero if no content was requested.
    pub size: ContentSize,
    /// Content of the run.
    pub content: Option<RunContent>,
}

/// Returns the run of a reference. A run with the ID has precedence over one whose object has it as UID, and that over one with the
/// name. If several runs had the name one after the other, it is the one that exists in Kubernetes, or else the newest.
///
/// # Errors
/// Returns an error if the query fails.
#[expect(clippy::too_many_lines, reason = "one statement with one line per column")]
pub async fn read(
    tx: &mut TenantTx,
    reference: RunReference<'_>,
    inline: InlineContent,
) -> Result<Option<FoundRun>, Error> {
    let RunReference { id, name } = reference;
    let (connection, tenant) = tx.connection_and_tenant();
    let row = sqlx::query!(
        r#"select r.id, r.name, r.workflow_name, r.workflow_id, r.revision, r.status, r.live, r.cancel, r.trigger,
                  r.requested_by, r.error, r.queue, r.ending, r.wake_at, r.suspended_at, r.priority, r.resource_version,
                  r.created_at, r.updated_at, r.started_at, r.finished_at,
                  s.text as "text!", s.decoded as "decoded!", s.decoded <= $4::bigint as "is_inline!",
                  case when s.decoded <= $4 then r.input end as input,
                  case when s.decoded <= $4 then r.effective_input end as effective_input,
                  case when s.decoded <= $4 then r.output end as output,
                  case when s.decoded <= $4 then r.output_ref end as output_ref,
                  case when s.decoded <= $4 then r.steps end as steps,
                  case when s.decoded <= $4 then r.decisions end as decisions,
                  case when s.decoded <= $4 then r.reuse end as reuse,
                  case when s.decoded <= $4 then r.reused end as reused
           from workflow_runs r
           cross join lateral (
             select coalesce(sum(octet_length(v::text)), 0)::bigint as text,
                    coalesce(sum(decoded_bytes(v)), 0)::bigint as decoded
             from unnest(array[r.input, r.effective_input, r.output, r.steps, r.decisions]) as v
             where $4::bigint >= 0 and v is not null
           ) s
           where r.tenant_id = $1 and r.id = (
             select id from workflow_runs
             where tenant_id = $1 and (id = $2::uuid or uid = $2 or name = $3::text)
             order by id = $2 desc nulls last, uid = $2 desc nulls last, live desc, created_at desc, id desc
             limit 1
           )"#,
        tenant,
        id,
        name,
        inline.limit()
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("find a run"))?;
    if let Some(row) = &row
        && !tx.is_permitted(row.id, READ, Target::Runs).await?
    {
        return Ok(None);
    }
    Ok(row.map(|row| FoundRun {
        size: ContentSize::from_sums(row.text, row.decoded),
        content: row.is_inline.then(|| RunContent {
            id: row.id,
            input: row.input.unwrap_or_else(|| serde_json::json!({})),
            effective_input: row.effective_input,
            output: row.output,
            output_ref: row.output_ref,
            steps: row.steps.unwrap_or_default(),
            decisions: row.decisions.unwrap_or_default(),
            reuse: row.reuse,
            reused: row.reused,
        }),
        run: Run {
            id: row.id,
            name: row.name,
            workflow_name: row.workflow_name,
            workflow_id: row.workflow_id,
            revision: row.revision,
            status: row.status,
            live: row.live,
            cancel: row.cancel,
            trigger: row.trigger,
            requested_by: row.requested_by,
            error: row.error,
            queue: row.queue,
            ending: row.ending,
            wake_at: row.wake_at,
            suspended_at: row.suspended_at,
            priority: row.priority,
            resource_version: row.resource_version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            started_at: row.started_at,
            finished_at: row.finished_at,
        },
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use super::*;
    use crate::{
        auth::TenantScope,
        db::{MIGRATOR, testing::app_pool},
        mirror::testing::store,
        project::testing::{run, tenant, uid},
    };

    /// A small content is read with the run, a large one is only measured, and none is measured unless it is requested.
    #[sqlx::test(migrator = "MIGRATOR")]
    async fn a_small_content_is_read_with_the_run(owner: PgPool) {
        let large = json!({"phase": "Succeeded", "output": vec![0; 10_000]});
        let objects = [
            tenant("acme").build(),
            run("acme", "invoices", "small").phase("Succeeded").build(),
            run("acme", "invoices", "large").status(large).build(),
        ];
        store(&owner, objects).await;
        let mut tx =
            TenantTx::begin(&app_pool(&owner).await, TenantScope::for_tests(uid("acme"))).await.unwrap();
        let mut read_named = async |name, inline| {
            read(&mut tx, RunReference { id: None, name: Some(name) }, inline).await.unwrap().unwrap()
        };
        let small = read_named("small", InlineContent::UpTo(64 << 10)).await;
        assert!(small.content.is_some() && small.size.text > 0);
        let large = read_named("large", InlineContent::UpTo(64 << 10)).await;
        assert!(large.content.is_none() && large.size.decoded > 1_000_000, "{:?}", large.size);
        let unread = read_named("small", InlineContent::None).await;
        assert_eq!((unread.content, unread.size), (None, ContentSize::default()));
        assert_eq!(unread.run, small.run);
    }
}
