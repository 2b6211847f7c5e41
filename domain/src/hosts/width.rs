//! How many of some steps may run at once.
//!
//! The largest set of steps of which none needs another has, by Dilworth's theorem, as many members as the fewest
//! chains that cover them; those are the steps less a maximum matching of steps with steps downstream of them. Of a chain
//! one step runs at a time, with as many items as it runs at once; so the largest step of each chain, all together, is
//! what may run at once at most.

use crate::workflow::Graph;

/// A step, and how many items of it run at once.
#[derive(Clone, Copy)]
pub(super) struct Wide<'a> {
    pub(super) step: &'a str,
    pub(super) items: u32,
}

/// How many of the given steps, and items of them, may run at once; at least 1.
pub(super) fn width(steps: &[Wide<'_>], graph: &Graph) -> u32 {
    let mut matching = Matching { steps, graph, upstream_of: vec![None; steps.len()] };
    for at in 0..steps.len() {
        matching.augment(at, &mut vec![false; steps.len()]);
    }
    let heads = (0..steps.len()).filter(|at| matching.upstream_of(*at).is_none());
    heads.map(|head| matching.widest_from(head)).fold(0, u32::saturating_add).max(1)
}

struct Matching<'a> {
    steps: &'a [Wide<'a>],
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
            let free = match self.upstream_of(later) {
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

    fn upstream_of(&self, later: usize) -> Option<usize> {
        self.upstream_of.get(later).copied().flatten()
    }

    /// The most items that one step of the chain runs at once.
    fn widest_from(&self, head: usize) -> u32 {
        let next = |at: &usize| self.upstream_of.iter().position(|upstream| *upstream == Some(*at));
        let chain = std::iter::successors(Some(head), next);
        chain.filter_map(|at| self.steps.get(at)).map(|step| step.items).max().unwrap_or(1)
    }

    fn follows(&self, later: usize, earlier: usize) -> bool {
        let (Some(later), Some(earlier)) = (self.steps.get(later), self.steps.get(earlier)) else {
            return false;
        };
        self.graph.upstream(later.step).is_some_and(|upstream| upstream.contains(earlier.step))
    }
}
