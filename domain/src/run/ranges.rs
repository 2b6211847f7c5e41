//! Sets of item indexes, written as ranges such as `0-412,414`.

use std::fmt;

/// A set of integers whose text form abbreviates consecutive numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ranges {
    /// First and last number of each range, in ascending order; ranges neither overlap nor touch.
    ranges: Vec<(u32, u32)>,
}

impl Ranges {
    /// Parses the text form and skips invalid parts.
    pub(super) fn parse(text: &str) -> Self {
        let mut set = Self::default();
        for piece in text.split(',') {
            let (first, last) = piece.split_once('-').unwrap_or((piece, piece));
            if let (Ok(first), Ok(last)) = (first.parse::<u32>(), last.parse::<u32>()) {
                set.insert_range(first, last);
            }
        }
        set
    }

    /// Returns the set of the given numbers.
    pub(super) fn from_numbers(numbers: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::default();
        numbers.into_iter().for_each(|number| set.insert(number));
        set
    }

    /// Returns whether the set contains a number.
    pub(super) fn contains(&self, number: u32) -> bool {
        self.ranges.iter().any(|(first, last)| (*first..=*last).contains(&number))
    }

    /// Returns whether the set contains all numbers of another set.
    pub(super) fn contains_all(&self, other: &Self) -> bool {
        other.iter().all(|number| self.contains(number))
    }

    /// Adds a number to the set.
    pub(super) fn insert(&mut self, number: u32) {
        self.insert_range(number, number);
    }

    /// Returns the numbers in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Adds the numbers from `first` to `last`, and merges the ranges that overlap or touch them.
    fn insert_range(&mut self, mut first: u32, mut last: u32) {
        if first > last {
            return;
        }
        self.ranges.retain(|(from, to)| {
            let touches = *from <= last.saturating_add(1) && first <= to.saturating_add(1);
            if touches {
                first = first.min(*from);
                last = last.max(*to);
            }
            !touches
        });
        let position = self.ranges.partition_point(|(from, _)| *from < first);
        self.ranges.insert(position, (first, last));
    }
}

impl fmt::Display for Ranges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if first == last {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{last}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Ranges;

    proptest! {
        /// A set contains exactly the inserted numbers and is unchanged after being written and parsed, so
        /// that items are neither repeated nor skipped.
        #[test]
        fn ranges_are_sets(numbers in proptest::collection::vec(0_u32..60, 0..60)) {
            let set = Ranges::from_numbers(numbers.iter().copied());
            let expected: BTreeSet<u32> = numbers.iter().copied().collect();
            prop_assert_eq!(&set.iter().collect::<BTreeSet<_>>(), &expected);
            prop_assert_eq!(&Ranges::parse(&set.to_string()), &set);
            prop_assert!((0..60).all(|number| set.contains(number) == expected.contains(&number)));
        }
    }

    #[test]
    fn consecutive_numbers_are_written_as_a_range() {
        assert_eq!(Ranges::from_numbers([3, 1, 0, 2, 7, 9]).to_string(), "0-3,7,9");
        assert_eq!(Ranges::parse("").to_string(), "");
    }
}
