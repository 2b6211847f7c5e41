//! Events of a tenant and of one run.

use std::{fmt, str::FromStr};

use super::{App, Error, rights, runs};
use crate::{
    auth::TenantScope,
    store::{
        InlineContent, Limit, TenantTx,
        events::{self, Event, Events, Query},
        runs as run_rows,
    },
};

/// Position in the events of a tenant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Copy, Debug, Default)]
pub struct EventPage {
    /// Position after which the page begins.
    pub after: EventPosition,
    /// Maximum number of events.
    pub limit: Limit,
}

/// Returns the events of the tenant after a position, oldest first.
///
/// # Errors
/// Returns an error if the principal can read some workflows or runs only, if events after the position were deleted because their
/// retention has ended, or if the database fails.
pub async fn list(app: &App, scope: TenantScope, page: EventPage) -> Result<Events, Error> {
    let EventPage { after, limit } = page;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    rights::require_all_readable(&tx)?;
    let found = events::list(&mut tx, Query { object: None, after: after.0, limit }).await?;
    // The numbers have no gaps.
    let is_gap = |first: &Event| after.0 > 0 && first.seq > after.0.saturating_add(1);
    if found.items.first().is_some_and(is_gap) {
        return Err(Error::EventsExpired);
    }
    Ok(found)
}

/// Returns the events of the run of a reference after a position, oldest first.
///
/// # Errors
/// Returns an error if the tenant has no such run, or if the database fails.
pub async fn of_run(
    app: &App,
    scope: TenantScope,
    reference: &str,
    page: EventPage,
) -> Result<Events, Error> {
    let EventPage { after, limit } = page;
    let reference = runs::parse_reference(reference)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let found = run_rows::read(&mut tx, reference, InlineContent::None).await?.ok_or(Error::NotFound)?;
    Ok(events::list(&mut tx, Query { object: Some(found.run.id), after: after.0, limit }).await?)
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
