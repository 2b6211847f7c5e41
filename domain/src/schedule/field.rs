//! Fields of cron expressions, parsed into sets of numbers.

use super::InvalidSchedule;

/// Kind of a field, with the values that it permits.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) range: &'static str,
    first: u8,
    last: u8,
    /// Names of the numbers, starting at `first`.
    names: &'static [&'static str],
}

pub(super) const SECOND: Kind = Kind { name: "second", range: "0 to 59", first: 0, last: 59, names: &[] };
pub(super) const MINUTE: Kind = Kind { name: "minute", range: "0 to 59", first: 0, last: 59, names: &[] };
pub(super) const HOUR: Kind = Kind { name: "hour", range: "0 to 23", first: 0, last: 23, names: &[] };
pub(super) const DAY: Kind = Kind { name: "day of month", range: "1 to 31", first: 1, last: 31, names: &[] };
pub(super) const MONTH: Kind = Kind {
    name: "month",
    range: "1 to 12, JAN to DEC",
    first: 1,
    last: 12,
    names: &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"],
};
pub(super) const WEEKDAY: Kind = Kind {
    name: "day of week",
    range: "0 to 7 (0 and 7 are Sunday), SUN to SAT",
    first: 0,
    last: 7,
    names: &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"],
};

/// Set of the numbers that a field matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Set {
    bits: u64,
    /// Whether the field begins with `*` or `?`. It decides how the days of month and week are combined, and
    /// whether hours follow the local clock or elapsed time.
    pub(super) is_wildcard: bool,
}

impl Set {
    /// Parses a field: `*`, numbers, names, ranges, steps, and lists of these.
    pub(super) fn parse(kind: &Kind, text: &str) -> Result<Self, InvalidSchedule> {
        let invalid =
            || InvalidSchedule::Field { field: kind.name, text: text.to_owned(), range: kind.range };
        let mut bits = 0;
        for part in text.split(',') {
            bits |= part_bits(kind, part).ok_or_else(invalid)?;
        }
        Ok(Self { bits, is_wildcard: text.starts_with(['*', '?']) })
    }

    /// Returns whether the set contains a number.
    pub(super) fn contains(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits.checked_shr(number).unwrap_or(0) & 1 == 1)
    }

    /// Returns the numbers in ascending order.
    pub(super) fn numbers(self) -> impl Iterator<Item = i8> {
        (0..64).filter(move |number| self.contains(*number))
    }
}

/// Parses one element of the list of a field. Returns a bit mask of its numbers, or `None` if it is invalid.
fn part_bits(kind: &Kind, part: &str) -> Option<u64> {
    let (range, step) = match part.split_once('/') {
        Some((range, step)) => (range, Some(step.parse::<u8>().ok().filter(|step| *step > 0)?)),
        None => (part, None),
    };
    let (first, last) = match range.split_once('-') {
        Some((first, last)) => (number(kind, first)?, number(kind, last)?),
        None if range == "*" || range == "?" => (kind.first, kind.last),
        // `5/15` means every 15th number, starting at 5.
        None => (number(kind, range)?, if step.is_some() { kind.last } else { number(kind, range)? }),
    };
    if first > last {
        return None;
    }
    let numbers = (first..=last).step_by(step.unwrap_or(1).into());
    // Sunday has the numbers 0 and 7.
    let normalize = |number: u8| if kind.names.len() == 7 && number == 7 { 0 } else { number };
    Some(numbers.fold(0, |bits, number| bits | 1 << normalize(number)))
}

/// Parses a number or a name. Returns `None` if it is invalid or out of range.
fn number(kind: &Kind, text: &str) -> Option<u8> {
    let named = (kind.first..).zip(kind.names).find(|(_, name)| name.eq_ignore_ascii_case(text));
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let parsed = || text.parse::<u8>().ok().filter(|_| is_number);
    named.map(|(number, _)| number).or_else(parsed).filter(|number| (kind.first..=kind.last).contains(number))
}
