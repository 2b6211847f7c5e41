//! Static check of the number of subschemas that a schema applies to one value.
//!
//! `{"$ref": "#"}` would never end, and forty definitions of the form `{"anyOf": [next, next]}` would take
//! 2⁴⁰ steps. Both are detected by following the keywords that apply to the same value. Keywords that descend
//! into the value are bounded by the value's size: see [`super::cost`].

use super::graph::{Graph, Part};

/// Maximum number of subschemas applied to one value.
pub(super) const LIMIT: u64 = 10_000;
/// Maximum length of a chain of subschemas, each of which applies the next to the same value.
pub(super) const MAX_CHAIN: usize = 128;

/// Subschemas that one of them applies to one value.
#[derive(Clone, Copy, Debug)]
struct Applied {
    count: u64,
    chain: usize,
}

/// Reason why a schema is refused.
pub(super) enum Excess {
    /// It applies this many subschemas to one value, or applies itself without end.
    Count(u64),
    /// It has a chain that is longer than [`MAX_CHAIN`].
    Chain,
}

/// Checks every subschema.
///
/// # Errors
/// Returns the index of the first subschema that applies too many others to one value, and the reason.
pub(super) fn check(graph: &Graph) -> Result<(), (usize, Excess)> {
    let mut counter = Counter { graph, counts: vec![Count::Unknown; graph.nodes.len()] };
    (0..graph.nodes.len()).try_for_each(|index| match counter.apply(index, 1) {
        Ok(applied) if applied.count <= LIMIT => Ok(()),
        Ok(applied) => Err((index, Excess::Count(applied.count))),
        Err(excess) => Err((index, excess)),
    })
}

#[derive(Clone, Copy)]
enum Count {
    Unknown,
    /// The count is in progress, which reveals a cycle.
    InProgress,
    Known(Applied),
}

struct Counter<'g> {
    graph: &'g Graph,
    counts: Vec<Count>,
}

impl Counter<'_> {
    fn apply(&mut self, index: usize, level: usize) -> Result<Applied, Excess> {
        let applied = match self.counts.get(index) {
            Some(Count::InProgress) => return Err(Excess::Count(LIMIT + 1)),
            Some(Count::Known(applied)) => *applied,
            _ => self.count(index, level)?,
        };
        if level.saturating_add(applied.chain) > MAX_CHAIN + 1 {
            return Err(Excess::Chain);
        }
        Ok(applied)
    }

    fn count(&mut self, index: usize, level: usize) -> Result<Applied, Excess> {
        if level > MAX_CHAIN {
            return Err(Excess::Chain);
        }
        self.set(index, Count::InProgress);
        let mut applied = Applied { count: 1, chain: 1 };
        let graph = self.graph;
        for part in graph.nodes.get(index).into_iter().flat_map(|node| &node.parts) {
            if let Part::Same(part) = part {
                let part = self.apply(*part, level + 1)?;
                applied.count = applied.count.saturating_add(part.count).min(LIMIT + 1);
                applied.chain = applied.chain.max(part.chain + 1);
            }
        }
        self.set(index, Count::Known(applied));
        Ok(applied)
    }

    fn set(&mut self, index: usize, count: Count) {
        if let Some(place) = self.counts.get_mut(index) {
            *place = count;
        }
    }
}
