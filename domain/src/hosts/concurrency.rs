//! The maximum number of steps and items that may run at the same time.
//!
//! By Dilworth's theorem, the largest set of steps of which none depends on another has as many members as the smallest
//! number of chains that cover all steps. That number is the number of steps minus the size of a maximum matching of
//! steps with steps downstream of them. Within a chain only one step runs at a time, with `maxParallel` items at most.
//! So the sum over all chains of the largest item concurrency in each is an upper bound of what runs at the same time.

use crate::workflow::Graph;

/// A step and its item concurrency.
#[derive(Clone, Copy)]
pub(super) struct StepConcurrency<'a> {
    /// Name of the step.
    pub(super) step: &'a str,
    /// Maximum number of its items that run at the same time; 1 for a step without `forEach`.
    pub(super) items: u32,
}

/// Returns the maximum number of the given steps, counting their items, that may run at the same time; at least 1.
pub(super) fn max_concurrency(steps: &[StepConcurrency<'_>], graph: &Graph) -> u32 {
    let mut matching = Matching { steps, graph, upstream_of: vec![None; steps.len()] };
    for at in 0..steps.len() {
        matching.augment(at, &mut vec![false; steps.len()]);
    }
    let heads = (0..steps.len()).filter(|at| matching.upstream_of(*at).is_none());
    heads.map(|head| matching.max_items_of_chain(head)).fold(0, u32::saturating_add).max(1)
}

/// Maximum matching of steps with steps downstream of them, found by augmenting paths.
struct Matching<'a> {
    steps: &'a [StepConcurrency<'a>],
    graph: &'a Graph,
    /// The predecessor in the chain, by index of the later step.
    upstream_of: Vec<Option<usize>>,
}

impl Matching<'_> {
    /// Finds a successor for the step at index `at`, reassigning earlier choices if necessary. Returns whether one was
    /// found.
    fn augment(&mut self, at: usize, visited: &mut [bool]) -> bool {
        for later in 0..self.steps.len() {
            if !self.follows(later, at) || visited.get(later).copied().unwrap_or(true) {
                continue;
            }
            if let Some(visited) = visited.get_mut(later) {
                *visited = true;
            }
            let free = match self.upstream_of(later) {
                None => true,
                Some(other) => self.augment(other, visited),
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

    /// Returns the largest item concurrency among the steps of the chain that begins at `head`.
    fn max_items_of_chain(&self, head: usize) -> u32 {
        let next = |at: &usize| self.upstream_of.iter().position(|upstream| *upstream == Some(*at));
        let chain = std::iter::successors(Some(head), next);
        chain.filter_map(|at| self.steps.get(at)).map(|step| step.items).max().unwrap_or(1)
    }

    /// Returns whether the step `later` depends on the step `earlier`, directly or not.
    fn follows(&self, later: usize, earlier: usize) -> bool {
        let (Some(later), Some(earlier)) = (self.steps.get(later), self.steps.get(earlier)) else {
            return false;
        };
        self.graph.upstream(later.step).is_some_and(|upstream| upstream.contains(earlier.step))
    }
}
