//! How long each tenant's plan keeps what.

use crds::plan::PlanRetention;
use jiff::SignedDuration;
use serde_json::Value;
use uuid::Uuid;

use super::Error;
use crate::db::MirrorPool;

/// How long a tenant's things are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keep {
    /// Records of finished runs, from their end on.
    pub(super) runs: SignedDuration,
    /// Logs, from their last line on.
    pub(super) logs: SignedDuration,
    /// Events.
    pub(super) events: SignedDuration,
}

const DAY: i64 = 24;
const DEFAULT: Keep = Keep {
    runs: SignedDuration::from_hours(90 * DAY),
    logs: SignedDuration::from_hours(30 * DAY),
    events: SignedDuration::from_hours(7 * DAY),
};

/// All tenants, with what their plans keep. Nothing is deleted while it is not clear what the rows are a projection of.
pub(super) async fn tenants(pool: &MirrorPool) -> Result<Vec<(Uuid, String, Keep)>, Error> {
    let rows = sqlx::query!(
        r#"select t.id, t.slug, p.spec as "spec?" from tenants t left join plans p on p.name = t.plan_name
           where not exists (select from mirror_cluster where halted is not null) order by t.id"#
    )
    .fetch_all(pool.inner())
    .await
    .map_err(Error::database("read what plans keep"))?;
    Ok(rows.into_iter().map(|row| (row.id, row.slug, Keep::of(row.spec.as_ref()))).collect())
}

impl Keep {
    /// Out of a plan's spec. What it does not say, or says in a way that nobody understands, is kept by default.
    fn of(plan: Option<&Value>) -> Self {
        let retention = plan.and_then(|spec| spec.get("retention")).cloned();
        let said: PlanRetention =
            retention.and_then(|said| serde_json::from_value(said).ok()).unwrap_or_default();
        let length = |said: Option<crds::Duration>, default: SignedDuration| {
            said.and_then(|said| SignedDuration::try_from(said.to_std().ok()?).ok()).unwrap_or(default)
        };
        Self {
            runs: length(said.runs, DEFAULT.runs),
            logs: length(said.logs, DEFAULT.logs),
            events: length(said.events, DEFAULT.events),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A customer's history is deleted too early, because its plan is gone or says nothing.
    #[test]
    fn what_a_plan_does_not_say_is_kept_by_default() {
        assert_eq!(Keep::of(None), DEFAULT);
        assert_eq!(Keep::of(Some(&json!({"retention": {"runs": "soon"}}))), DEFAULT);
        let said = Keep::of(Some(&json!({"retention": {"logs": "1h", "runs": "2d"}})));
        let expected =
            Keep { logs: SignedDuration::from_hours(1), runs: SignedDuration::from_hours(48), ..DEFAULT };
        assert_eq!(said, expected);
    }
}
