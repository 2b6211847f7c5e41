//! Events of a tenant and of one run.

use std::{fmt, str::FromStr};

use uuid::Uuid;

use super::{App, Error, rights, runs};
use crate::{
    auth::TenantScope,
    store::{
        InlineContent, Limit, TenantTx,
        events::{self, Event, Events, Query, Range},
        runs as run_rows,
    },
};

/// Position in the events of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct EventPosition(i64);

impl EventPosition {
    /// Returns the position after an event.
    #[must_use]
    pub fn after(event: &Event) -> Self {
        Self(event.seq)
    }
}

impl FromStr for EventPosition {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let digits = Some(text).filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        digits.and_then(|text| text.parse().ok()).map(Self).ok_or(Error::InvalidEventCursor)
    }
}

impl fmt::Display for EventPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Part of the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EventPage {
    /// Place of the page among the events.
    pub place: EventPlace,
    /// Maximum number of events.
    pub limit: Limit,
}

/// Place of a page among the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventPlace {
    /// The page begins after this event.
    After(EventPosition),
    /// The page ends before this event.
    Before(EventPosition),
    /// The page ends with the newest event.
    End,
}

impl EventPage {
    /// Returns the position to continue after this page, which consists of these events.
    #[must_use]
    pub fn next(self, events: &Events) -> EventPosition {
        match (events.items.last(), self.place) {
            (Some(last), _) => EventPosition::after(last),
            (None, EventPlace::After(after)) => after,
            (None, EventPlace::Before(_) | EventPlace::End) => EventPosition::default(),
        }
    }

    fn range(self) -> Range {
        match self.place {
            EventPlace::After(after) => Range::After(after.0),
            EventPlace::Before(before) => Range::Before(before.0),
            EventPlace::End => Range::Last,
        }
    }
}

/// Returns a page of the events of the tenant, oldest first.
///
/// # Errors
/// Returns an error if the principal can read some workflows or runs only, if events after the position were deleted because their
/// retention has ended, or if the database fails.
pub async fn list(app: &App, scope: TenantScope, page: EventPage) -> Result<Events, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    rights::require_all_readable(&tx)?;
    let query = Query { object: None, range: page.range(), limit: page.limit };
    let found = events::list(&mut tx, query).await?;
    if let (EventPlace::After(EventPosition(after)), Some(first)) = (page.place, found.items.first()) {
        // The numbers have no gaps.
        if after > 0 && first.seq > after.saturating_add(1) {
            return Err(Error::EventsExpired);
        }
    }
    Ok(found)
}

/// Returns the events of the tenant at these positions, in no particular order. Unknown positions are skipped.
///
/// # Errors
/// Returns an error if the principal can read some workflows or runs only, or if the database fails.
pub async fn get_many(
    app: &App,
    scope: TenantScope,
    positions: &[EventPosition],
) -> Result<Vec<Event>, Error> {
    let numbers: Vec<_> = positions.iter().map(|EventPosition(number)| *number).collect();
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    rights::require_all_readable(&tx)?;
    Ok(events::by_numbers(&mut tx, &numbers).await?)
}

/// Returns a page of the events of each of these runs of the tenant, oldest first, with one statement.
///
/// # Errors
/// Returns an error if the database fails.
pub async fn list_by_runs(
    app: &App,
    scope: TenantScope,
    runs: &[Uuid],
    page: EventPage,
) -> Result<Vec<(Uuid, Events)>, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    Ok(events::list_by_objects(&mut tx, runs, page.range(), page.limit).await?)
}

/// Returns a page of the events of the run of a reference, oldest first.
///
/// # Errors
/// Returns an error if the tenant has no such run, or if the database fails.
pub async fn of_run(
    app: &App,
    scope: TenantScope,
    reference: &str,
    page: EventPage,
) -> Result<Events, Error> {
    let reference = runs::parse_reference(reference)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let found = run_rows::read(&mut tx, reference, InlineContent::None).await?.ok_or(Error::NotFound)?;
    let query = Query { object: Some(found.run.id), range: page.range(), limit: page.limit };
    Ok(events::list(&mut tx, query).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only texts that an event has as its position are accepted.
    #[test]
    fn a_position_is_a_number() {
        assert_eq!("42".parse::<EventPosition>().unwrap().to_string(), "42");
        for text in ["", "-1", "+1", "1.0", "x", "99999999999999999999"] {
            assert!(text.parse::<EventPosition>().is_err(), "{text}");
        }
    }
}
