//! Cron expressions, and the next time that one matches.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use super::{
    InvalidSchedule,
    field::{DAY, HOUR, MINUTE, MONTH, SECOND, Set, WEEKDAY},
};

/// Maximum number of days that are searched: two consecutive 29ths of February are at most eight years apart.
const MAX_DAYS: usize = 8 * 366 + 2;

/// Parsed cron expression with six fields; the seconds are 0 if the text has five.
#[derive(Clone, Debug)]
pub(super) struct Cron {
    seconds: Set,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
}

impl Cron {
    /// Parses an expression with five fields, or six with seconds first.
    pub(super) fn parse(text: &str) -> Result<Self, InvalidSchedule> {
        let fields: Vec<&str> = text.split_ascii_whitespace().collect();
        let (second, [minute, hour, day, month, weekday]) = match *fields.as_slice() {
            [minute, hour, day, month, weekday] => ("0", [minute, hour, day, month, weekday]),
            [second, minute, hour, day, month, weekday] => (second, [minute, hour, day, month, weekday]),
            _ => return Err(InvalidSchedule::Fields(fields.len())),
        };
        Ok(Self {
            seconds: Set::parse(&SECOND, second)?,
            minutes: Set::parse(&MINUTE, minute)?,
            hours: Set::parse(&HOUR, hour)?,
            days: Set::parse(&DAY, day)?,
            months: Set::parse(&MONTH, month)?,
            weekdays: Set::parse(&WEEKDAY, weekday)?,
        })
    }

    /// Returns the first matching time after `after`, or `None` if there is none within [`MAX_DAYS`] days.
    pub(super) fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        // The search starts one day earlier: a local time of that day that was skipped by a clock change is
        // moved to the instant of the change, which may be the first moment of the current day.
        let mut date = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..MAX_DAYS {
            if self.matches_date(date)
                && let Some(found) = self.next_on(date, zone, after)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    /// Returns whether the expression matches a date. Either the day of month or the day of week has to match
    /// if neither field begins with `*` or `?`; otherwise both have to match.
    fn matches_date(&self, date: Date) -> bool {
        let day = self.days.contains(date.day());
        let weekday = self.weekdays.contains(date.weekday().to_sunday_zero_offset());
        let is_either_enough = !self.days.is_wildcard && !self.weekdays.is_wildcard;
        self.months.contains(date.month()) && if is_either_enough { day || weekday } else { day && weekday }
    }

    /// Returns the first matching time of a date after `after`.
    fn next_on(&self, date: Date, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.hours.is_wildcard {
            return self.next_elapsed_on(date, zone, after);
        }
        let mut times = self.times_on(date);
        times.find_map(|time| moment(time, zone).filter(|moment| *moment > after))
    }

    /// Returns all matching local times of a date, in ascending order.
    fn times_on(&self, date: Date) -> impl Iterator<Item = DateTime> + '_ {
        self.hours.numbers().flat_map(move |hour| {
            self.minutes.numbers().flat_map(move |minute| {
                self.seconds.numbers().map(move |second| date.at(hour, minute, second, 0))
            })
        })
    }

    /// Returns the first matching time of a date after `after` for an expression whose hours begin with `*`.
    /// It examines each elapsed minute of the date, so that the interval between two times is unaffected by
    /// clock changes.
    fn next_elapsed_on(&self, date: Date, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let begin = zone.to_zoned(date.at(0, 0, 0, 0)).ok()?.timestamp();
        let end = zone.to_zoned(date.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?.timestamp();
        let minute_of_after =
            Timestamp::from_second(after.as_second() - after.as_second().rem_euclid(60)).ok()?;
        let mut minute = begin.max(minute_of_after);
        while minute < end {
            let clock = zone.to_datetime(minute);
            if self.hours.contains(clock.hour()) && self.minutes.contains(clock.minute()) {
                let mut seconds = self.seconds.numbers();
                let at = |second: i8| minute.checked_add(i64::from(second).seconds()).ok();
                if let Some(found) = seconds.find_map(|second| at(second).filter(|found| *found > after)) {
                    return Some(found);
                }
            }
            minute = minute.checked_add(SignedDuration::from_mins(1)).ok()?;
        }
        None
    }
}

/// Returns the instant of a local time: the first one if the time occurs twice, and the instant of the clock
/// change if the time is skipped.
fn moment(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let beyond = ambiguous.later().ok()?;
            // The clock change that skipped the time is the last one before the later interpretation of the
            // time.
            let change = zone.preceding(beyond.checked_add(SignedDuration::from_secs(1)).ok()?).next()?;
            Some(change.timestamp())
        }
    }
}
