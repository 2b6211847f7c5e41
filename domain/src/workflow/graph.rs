//! The graph of steps that `needs` draws.

use std::collections::{BTreeMap, BTreeSet};

/// Steps and what they need; may have cycles until [`Graph::cycle`] has said no.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    needs: BTreeMap<String, BTreeSet<String>>,
    upstream: BTreeMap<String, BTreeSet<String>>,
}

impl Graph {
    /// The graph of the given steps; needs that are no steps are left out.
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
        let upstream = needs.keys().map(|name| (name.clone(), reach(&needs, name))).collect();
        Self { needs, upstream }
    }

    pub(crate) fn contains(&self, step: &str) -> bool {
        self.needs.contains_key(step)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.needs.keys().map(String::as_str)
    }

    /// All steps that have ended when this one starts.
    pub(crate) fn upstream(&self, step: &str) -> Option<&BTreeSet<String>> {
        self.upstream.get(step)
    }

    /// A cycle through the step, as the steps on it in order; the step itself is first.
    pub(crate) fn cycle(&self, step: &str) -> Option<Vec<&str>> {
        if !self.upstream(step)?.contains(step) {
            return None;
        }
        let (name, _) = self.needs.get_key_value(step)?;
        let mut path = vec![name.as_str()];
        self.back_to(step, name, &mut path, &mut BTreeSet::new()).then_some(path)
    }

    /// Extends the path from `at` until it is back at `step`.
    fn back_to<'a>(
        &'a self,
        step: &str,
        at: &str,
        path: &mut Vec<&'a str>,
        seen: &mut BTreeSet<&'a str>,
    ) -> bool {
        for need in self.needs.get(at).into_iter().flatten() {
            if need == step {
                return true;
            }
            if seen.insert(need) {
                path.push(need);
                if self.back_to(step, need, path, seen) {
                    return true;
                }
                path.pop();
            }
        }
        false
    }
}

fn reach(needs: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = needs.get(from).into_iter().flatten().collect();
    while let Some(step) = open.pop() {
        if reached.insert(step.clone()) {
            open.extend(needs.get(step).into_iter().flatten());
        }
    }
    reached
}
