//! The sample: the part of all traces that is recorded. Whether a trace belongs to it depends on its ID alone, so that all processes with the
//! same ratio decide alike.

use std::sync::OnceLock;

use uuid::Uuid;

/// Part of all traces, 0 to 1; all of them unless it is set.
static RATIO: OnceLock<f64> = OnceLock::new();

/// Sets the part of all traces that is recorded. Only the first call has an effect.
pub(super) fn set_ratio(ratio: f64) {
    let _ = RATIO.set(ratio);
}

/// Returns whether a trace belongs to the sample.
pub(super) fn contains(trace: u128) -> bool {
    RATIO.get().is_none_or(|ratio| is_within(trace, *ratio))
}

fn is_within(trace: u128, ratio: f64) -> bool {
    // Some bits of a UUID are the same in all of them.
    let (high, low) = Uuid::from_u128(trace).as_u64_pair();
    let mixed = (high ^ low).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    let place = f64::from(u32::try_from(mixed).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
    place < ratio
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids;

    /// A ratio of 0 records nothing, a ratio of 1 everything, and others about their part, also of UUIDs.
    #[test]
    fn the_ratio_is_the_part_that_is_recorded() {
        let traces: Vec<u128> = (0..2000).map(|_| ids::uuid_v7().as_u128()).collect();
        let recorded = |ratio| traces.iter().filter(|trace| is_within(**trace, ratio)).count();
        assert_eq!((recorded(0.0), recorded(1.0)), (0, 2000));
        assert!((300..700).contains(&recorded(0.25)), "{}", recorded(0.25));
    }
}
