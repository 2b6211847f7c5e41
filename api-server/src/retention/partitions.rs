//! Partitions of the table of events, one for each day in UTC. The functions of the database that create and drop them run with the
//! rights of its owner, wait for each other, and give up rather than make others wait: the next sweep tries again.

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{Error, policy::RetainedTenant};
use crate::db::MirrorPool;

/// Number of days whose partitions exist in advance. Events of a day without one are stored in the default partition, and move when
/// it is created.
const DAYS_AHEAD: i32 = 7;

/// Creates the partitions of the current day and of the next ones.
pub(super) async fn create(pool: &MirrorPool) -> Result<(), Error> {
    sqlx::query!(r#"select create_event_partitions($1) as "created!""#, DAYS_AHEAD)
        .fetch_one(pool.inner())
        .await
        .map(drop)
        .map_err(Error::database("create partitions of events"))
}

/// Drops the partitions of the days whose events no tenant retains. Returns their number.
pub(super) async fn drop_old(
    pool: &MirrorPool,
    tenants: &[RetainedTenant],
    now: Timestamp,
) -> Result<u64, Error> {
    let Some(before) = first_retained_day(tenants, now) else { return Ok(0) };
    let dropped = sqlx::query_scalar!(
        r#"select drop_event_partitions($1::text::date) as "dropped!""#,
        before.to_string()
    )
    .fetch_one(pool.inner())
    .await
    .map_err(Error::database("drop partitions of events"))?;
    Ok(u64::try_from(dropped).unwrap_or(0))
}

/// Returns the first day of which some tenant retains events, or `None` if there is no tenant, as while the cluster is not accepted.
fn first_retained_day(tenants: &[RetainedTenant], now: Timestamp) -> Option<Date> {
    let longest = tenants.iter().map(|tenant| tenant.policy.events).max()?;
    Some((now.checked_sub(longest).ok()?).to_zoned(TimeZone::UTC).date())
}
