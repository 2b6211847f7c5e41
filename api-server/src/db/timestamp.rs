//! jiff's timestamp as a `timestamptz`: sqlx knows only other crates' times.

use jiff::Timestamp as Instant;
use serde::{Deserialize, Serialize};
use sqlx::{
    Decode, Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef},
};

/// Microseconds from the Unix epoch to Postgres's own, 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The first time that Postgres has, in microseconds from its epoch: 4714-11-24 BC, where Julian days begin.
const POSTGRES_MIN: i64 = -211_813_488_000_000_000;

/// An instant as Postgres keeps it: UTC, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub Instant);

impl From<Instant> for Timestamp {
    fn from(instant: Instant) -> Self {
        Self(instant)
    }
}

impl From<Timestamp> for Instant {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.0
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("TIMESTAMPTZ")
    }
}

impl PgHasArrayType for Timestamp {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("TIMESTAMPTZ[]")
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        // Earlier times are all the same: nothing of ours is as old.
        let micros = (self.0.as_microsecond() - POSTGRES_EPOCH).max(POSTGRES_MIN);
        Encode::<Postgres>::encode(micros, buf)
    }

    fn size_hint(&self) -> usize {
        size_of::<i64>()
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros: i64 = Decode::<Postgres>::decode(value)?;
                let unix = micros.checked_add(POSTGRES_EPOCH).ok_or("the time is infinite")?;
                Ok(Self(Instant::from_microsecond(unix)?))
            }
            PgValueFormat::Text => Ok(Self(value.as_str()?.parse()?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use sqlx::PgPool;

    use super::*;

    /// A run's times are off by an epoch, or lose their fraction of a second.
    #[sqlx::test(migrations = false)]
    async fn a_time_comes_back_as_it_was_stored(pool: PgPool) -> sqlx::Result<()> {
        let given: Instant = "2026-11-24T08:09:10.123456Z".parse().unwrap();
        let (stored, text): (Timestamp, String) =
            sqlx::query_as("select $1, to_char($1 at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')")
                .bind(Timestamp(given))
                .fetch_one(&pool)
                .await?;
        assert_eq!((stored.0, text.as_str()), (given, "2026-11-24 08:09:10.123456"));
        Ok(())
    }
}
