//! Groups of changes whose order does not matter, so that each group is applied with a fixed number of statements.

use std::collections::HashMap;

use crate::{
    mirror::change::{Change, Upsert},
    project::Identity,
};

/// A change of an object.
#[derive(Clone, Copy, Debug)]
pub(super) enum ObjectChange<'a> {
    /// A version of the object.
    Upserted(&'a Upsert),
    /// The object was deleted.
    Deleted(&'a Identity),
}

/// Changes of different objects, of which no two have the same name. An object has several versions or is deleted.
#[derive(Debug, Default)]
pub(super) struct Group<'a> {
    /// Versions of each object in the order in which they were read. None is empty.
    pub(super) upserted: Vec<Vec<&'a Upsert>>,
    /// Deleted objects.
    pub(super) deleted: Vec<&'a Identity>,
    /// Position in `upserted` of the object with this namespace and name, or `None` if it is deleted.
    positions: HashMap<(&'a str, &'a str), Option<usize>>,
}

impl<'a> ObjectChange<'a> {
    /// Returns the change of an object, or `None` if a change concerns a kind.
    pub(super) fn from_change(change: &'a Change) -> Option<Self> {
        match change {
            Change::Upserted(upsert) => Some(Self::Upserted(upsert)),
            Change::Deleted(identity) => Some(Self::Deleted(identity)),
            Change::ListStarted { .. }
            | Change::ListCompleted(_)
            | Change::Bookmark { .. }
            | Change::LeaseRenewed { .. } => None,
        }
    }

    fn identity(self) -> &'a Identity {
        match self {
            Self::Upserted(upsert) => &upsert.projection.object.identity,
            Self::Deleted(identity) => identity,
        }
    }
}

/// Splits changes of one kind into groups that are to be applied one after the other. Usually there is one: a second one begins with
/// an object whose name another object of the group has, or with a deletion after a change of the same object.
pub(super) fn groups<'a>(changes: &[ObjectChange<'a>]) -> Vec<Group<'a>> {
    let mut groups = Vec::new();
    let mut current = Group::default();
    for change in changes {
        if !current.add(*change) {
            groups.push(std::mem::take(&mut current));
            current.add(*change);
        }
    }
    groups.push(current);
    groups
}

impl<'a> Group<'a> {
    /// Adds a change, unless it depends on one that the group has already.
    fn add(&mut self, change: ObjectChange<'a>) -> bool {
        let identity = change.identity();
        let name = (identity.namespace.as_deref().unwrap_or_default(), identity.name.as_str());
        match (self.positions.get(&name), change) {
            (None, ObjectChange::Upserted(upsert)) => {
                self.positions.insert(name, Some(self.upserted.len()));
                self.upserted.push(vec![upsert]);
                true
            }
            (None, ObjectChange::Deleted(identity)) => {
                self.positions.insert(name, None);
                self.deleted.push(identity);
                true
            }
            (Some(Some(position)), ObjectChange::Upserted(upsert)) => {
                let Some(versions) = self.upserted.get_mut(*position) else { return false };
                let uid = |upsert: &Upsert| upsert.projection.object.identity.uid;
                let is_same = versions.first().is_some_and(|first| uid(first) == uid(upsert));
                if is_same {
                    versions.push(upsert);
                }
                is_same
            }
            (Some(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        mirror::testing::{deleted, upserted},
        project::testing::{Fixture, run, uid},
    };

    fn version(name: &str, version: i64) -> Fixture {
        run("acme", "invoices", name).version(version)
    }

    /// Versions of one object are one write; a deletion waits for the versions before it, and so does a new object of that name.
    #[test]
    fn changes_that_depend_on_each_other_are_in_different_groups() {
        let again = version("a", 9).uid(uid("again"));
        let changes = [
            upserted(version("a", 1).build()),
            upserted(version("b", 2).build()),
            upserted(version("a", 3).build()),
            deleted(&version("a", 3).build(), 4),
            deleted(&version("c", 3).build(), 5),
            upserted(again.build()),
        ];
        let changes: Vec<_> = changes.iter().filter_map(ObjectChange::from_change).collect();
        let sizes: Vec<_> = groups(&changes)
            .iter()
            .map(|group| (group.upserted.iter().map(Vec::len).collect::<Vec<_>>(), group.deleted.len()))
            .collect();
        assert_eq!(sizes, [(vec![2, 1], 0), (vec![], 2), (vec![1], 0)]);
    }
}
