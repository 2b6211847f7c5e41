//! How many of some steps may run at once.
//!
//! The largest set of steps of which none needs another has, by Dilworth's theorem, as many members as the fewest
//! chains that cover them; those are the steps less a maximum matching of steps with steps downstream of them.

use crate::workflow::Graph;

/// The largest number of the given steps that may run at once; at least 1.
pub(super) fn width(steps: &[&str], graph: &Graph) -> u32 {
    let mut matching = Matching { steps, graph, upstream_of: vec![None; steps.len()] };
    let matched = (0..steps.len()).filter(|at| matching.augment(*at, &mut vec![false; steps.len()])).count();
    u32::try_from(steps.len() - matched).unwrap_or(u32::MAX).max(1)
}

struct Matching<'a> {
    steps: &'a [&'a str],
    graph: &'a Graph,
    /// By index of the later step: the earlier one that it follows in its chain.
    upstream_of: Vec<Option<usize>>,
}

impl Matching<'_> {
    /// Finds a later step for the step at `at`, moving earlier choices where that makes room.
    fn augment(&mut self, at: usize, tried: &mut [bool]) -> bool {
        for later in 0..self.steps.len() {
            if !self.follows(later, at) || tried.get(later).copied().unwrap_or(true) {
                continue;
            }
            if let Some(tried) = tried.get_mut(later) {
                *tried = true;
            }
            let free = match self.upstream_of.get(later).copied().flatten() {
                None => true,
                Some(other) => self.augment(other, tried),
            };
            if free {
                if let Some(slot) = self.upstream_of.get_mut(later) {
                    *slot = Some(at);
                }
                return true;
            }
        }
        false
    }

    fn follows(&self, later: usize, earlier: usize) -> bool {
        let (Some(later), Some(earlier)) = (self.steps.get(later), self.steps.get(earlier)) else {
            return false;
        };
        self.graph.upstream(later).is_some_and(|upstream| upstream.contains(*earlier))
    }
}
