//! Cron fields, and the next moment that they name.

use jiff::{
    SignedDuration, Timestamp, ToSpan as _,
    civil::{Date, DateTime},
    tz::{AmbiguousOffset, TimeZone},
};

use super::{
    InvalidSchedule,
    field::{DAY, HOUR, MINUTE, MONTH, SECOND, Set, WEEKDAY},
};

/// The 29th of February is at most eight years away.
const MAX_DAYS: usize = 8 * 366 + 2;

/// Six fields.
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

    /// The first moment after `after`.
    pub(super) fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        // A day before: a time of yesterday that did not exist may be today's first moment.
        let mut date = zone.to_datetime(after).date().yesterday().ok()?;
        for _ in 0..MAX_DAYS {
            if self.has_day(date)
                && let Some(found) = self.next_on(date, zone, after)
            {
                return Some(found);
            }
            date = date.tomorrow().ok()?;
        }
        None
    }

    fn has_day(&self, date: Date) -> bool {
        let day = self.days.contains(date.day());
        let weekday = self.weekdays.contains(date.weekday().to_sunday_zero_offset());
        let either = !self.days.is_open && !self.weekdays.is_open;
        self.months.contains(date.month()) && if either { day || weekday } else { day && weekday }
    }

    fn next_on(&self, date: Date, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.hours.is_open {
            return self.next_elapsed_on(date, zone, after);
        }
        let mut times = self.times_on(date);
        times.find_map(|time| moment(time, zone).filter(|moment| *moment > after))
    }

    /// All times of a day, in the order of the clock.
    fn times_on(&self, date: Date) -> impl Iterator<Item = DateTime> + '_ {
        self.hours.numbers().flat_map(move |hour| {
            self.minutes.numbers().flat_map(move |minute| {
                self.seconds.numbers().map(move |second| date.at(hour, minute, second, 0))
            })
        })
    }

    /// The same by elapsed time: minute by minute over the day as it really passes.
    fn next_elapsed_on(&self, date: Date, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let begin = zone.to_zoned(date.at(0, 0, 0, 0)).ok()?.timestamp();
        let end = zone.to_zoned(date.tomorrow().ok()?.at(0, 0, 0, 0)).ok()?.timestamp();
        let whole = Timestamp::from_second(after.as_second() - after.as_second().rem_euclid(60)).ok()?;
        let mut minute = begin.max(whole);
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

/// When a clock shows this time: the first time that it does, or where it never does the first moment after.
fn moment(time: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        AmbiguousOffset::Gap { .. } => {
            let beyond = ambiguous.later().ok()?;
            // The clock went forward at most that much before.
            let change = zone.preceding(beyond.checked_add(SignedDuration::from_secs(1)).ok()?).next()?;
            Some(change.timestamp())
        }
    }
}
