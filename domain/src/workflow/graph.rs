//! Dependency graph of steps, as `needs` defines it.

use std::collections::{BTreeMap, BTreeSet};

/// Steps and their dependencies. The graph may contain cycles: see [`Graph::cycle`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    /// Direct dependencies of each step.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// Direct and indirect dependencies of each step.
    upstream: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// Builds the graph of these steps. Dependencies on unknown steps are omitted.
    pub(crate) fn new<'a>(steps: impl Iterator<Item = (&'a str, &'a [String])> + Clone) -> Self {
        let names: BTreeSet<&str> = steps.clone().map(|(name, _)| name).collect();
        let needs: BTreeMap<String, BTreeSet<String>> = steps
            .map(|(name, needs)| {
                (
                    name.to_owned(),
                    needs.iter().filter(|need| names.contains(need.as_str())).cloned().collect(),
                )
            })
            .collect();
        let upstream = needs.keys().map(|name| (name.clone(), reachable(&needs, name))).collect();
        Self { needs, upstream }
    }

    pub(crate) fn contains(&self, step: &str) -> bool {
        self.needs.contains_key(step)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.needs.keys().map(String::as_str)
    }

    /// Returns the direct and indirect dependencies of a step: all steps that have ended when it starts.
    pub(crate) fn upstream(&self, step: &str) -> Option<&BTreeSet<String>> {
        self.upstream.get(step)
    }

    /// Returns the steps of a cycle through this step, in order and beginning with it; `None` if there is
    /// none.
    pub(crate) fn cycle(&self, step: &str) -> Option<Vec<&str>> {
        if !self.upstream(step)?.contains(step) {
            return None;
        }
        let (name, _) = self.needs.get_key_value(step)?;
        let mut path = vec![name.as_str()];
        self.extend_to_cycle(step, name, &mut path, &mut BTreeSet::new()).then_some(path)
    }

    /// Extends the path from `last` until it returns to `step`; returns whether it does.
    fn extend_to_cycle<'a>(
        &'a self,
        step: &str,
        last: &str,
        path: &mut Vec<&'a str>,
        visited: &mut BTreeSet<&'a str>,
    ) -> bool {
        for need in self.needs.get(last).into_iter().flatten() {
            if need == step {
                return true;
            }
            if visited.insert(need) {
                path.push(need);
                if self.extend_to_cycle(step, need, path, visited) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
}

/// Returns all direct and indirect dependencies of a step.
fn reachable(needs: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut pending: Vec<&String> = needs.get(from).into_iter().flatten().collect();
    while let Some(step) = pending.pop() {
        if reached.insert(step.clone()) {
            pending.extend(needs.get(step).into_iter().flatten());
        }
    }
    reached
}
