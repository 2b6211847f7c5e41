//! What was executed, as the table of the documentation.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use anyhow::ensure;
use tests::kinds::Resource;

/// Way of access to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Read,
    Write,
}

/// Resources with the way of access that was permitted.
type Reached = BTreeSet<(String, Access)>;

/// Results of all requests.
pub(super) struct Table {
    /// Names of the subjects, in the order of their columns.
    subjects: Vec<String>,
    /// What each subject reaches in its own namespace; the same in each tenant.
    own: BTreeMap<String, Reached>,
    /// What an administrator of the cluster reaches.
    permitted: Reached,
    /// Resources of the cluster that everybody reaches.
    for_everybody: Reached,
}

impl Table {
    pub(super) fn new(subjects: impl Iterator<Item = String>) -> Self {
        let (own, permitted, for_everybody) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self { subjects: subjects.collect(), own, permitted, for_everybody }
    }

    /// Adds what a subject reaches in its own namespace.
    pub(super) fn own(&mut self, subject: &str, reached: &Reached) -> anyhow::Result<()> {
        let known = self.own.entry(subject.to_owned()).or_insert_with(|| reached.clone());
        ensure!(known == reached, "{subject} reaches {reached:?} in one tenant and {known:?} in another");
        Ok(())
    }

    /// Adds what an administrator of the cluster reaches.
    pub(super) fn permitted(&mut self, reached: Reached) {
        self.permitted.extend(reached);
    }

    /// Adds what everybody reaches.
    pub(super) fn for_everybody(&mut self, reached: Reached) {
        self.for_everybody.extend(reached);
    }

    /// Returns what everybody reaches.
    pub(super) fn everybody_reaches(&self) -> &Reached {
        &self.for_everybody
    }

    /// Returns the table in Markdown.
    ///
    /// # Errors
    /// Returns an error if nobody reaches a resource: then nothing is known of its refusals.
    pub(super) fn render(
        &self,
        namespaced: &[&Resource],
        of_cluster: &[&Resource],
    ) -> anyhow::Result<String> {
        let mut text = format!("| resource | {} | of another tenant |\n", self.subjects.join(" | "));
        let _ = writeln!(text, "| --- |{} --- |", " --- |".repeat(self.subjects.len()));
        let mut nobody = Vec::new();
        for name in namespaced.iter().map(|resource| resource.name()) {
            let cells: Vec<&str> = self.subjects.iter().map(|subject| self.cell(subject, &name)).collect();
            ensure!(self.is_permitted(&name), "the requests for {name} are refused to an administrator, too");
            if cells.iter().all(|cell| cell.is_empty()) {
                nobody.push(name);
            } else {
                let _ = writeln!(text, "| `{name}` | {} | refused |", cells.join(" | "));
            }
        }
        let (mut refused, mut open) = (Vec::new(), Vec::new());
        for name in of_cluster.iter().map(|resource| resource.name()) {
            ensure!(self.is_permitted(&name), "the requests for {name} are refused to an administrator, too");
            let is_open = self.for_everybody.iter().any(|(resource, _)| *resource == name);
            if is_open { open.push(name) } else { refused.push(name) }
        }
        let _ = writeln!(text, "\nRefused to all of them, in every namespace: {}.", quoted(&nobody));
        let _ = writeln!(text, "\nRefused to all of them, as objects of the cluster: {}.", quoted(&refused));
        let _ = writeln!(text, "\nOpen to everybody who is authenticated: {}.", quoted(&open));
        Ok(text)
    }

    fn is_permitted(&self, resource: &str) -> bool {
        self.permitted.iter().any(|(permitted, _)| permitted == resource)
    }

    fn cell(&self, subject: &str, resource: &str) -> &'static str {
        let own = self.own.get(subject);
        let has = |access| own.is_some_and(|own| own.contains(&(resource.to_owned(), access)));
        match (has(Access::Read), has(Access::Write)) {
            (true, true) => "read, write",
            (true, false) => "read",
            (false, true) => "write",
            (false, false) => "",
        }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
