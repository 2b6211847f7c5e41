//! Decides which row an object is written to, from the rows that match its UID or its name, and which events its versions have.

use uuid::Uuid;

use super::event::ChangeKind;
use crate::project::MirroredRow;

/// A row with the object's UID or with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExistingRow {
    pub id: Uuid,
    /// `None` after the cluster was rebuilt, until the object is observed in the new cluster.
    pub uid: Option<Uuid>,
    pub resource_version: i64,
    /// Digest of what callers can see of the row; `None` if an earlier release has written it.
    pub visible_digest: Option<i64>,
}

/// The row that an object is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TargetRow {
    /// ID of the row.
    pub id: Uuid,
    /// Whether the row is created, with the object's UID as its ID, or updated.
    pub change: ChangeKind,
    /// ID of the row of an earlier, deleted object with the same name.
    pub replaces: Option<Uuid>,
    /// Digest of the row that is updated.
    pub visible_digest: Option<i64>,
}

/// Result of the comparison of an object with the existing rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// The object is written to this row.
    Row(TargetRow),
    /// The stored row of the object is as new or newer.
    Stale,
    /// A newer object has the name: this one was deleted before.
    Superseded,
}

/// The newest version of an object, with the events of all its versions.
#[derive(Debug)]
pub(super) struct Write<'a, R> {
    pub target: TargetRow,
    pub row: &'a R,
    pub visible_digest: i64,
    /// Changes that callers can see, oldest first.
    pub events: Vec<(ChangeKind, &'a R)>,
}

impl TargetRow {
    /// Returns a new row for the object with this UID.
    pub(super) fn created(uid: Uuid) -> Self {
        Self { id: uid, change: ChangeKind::Created, replaces: None, visible_digest: None }
    }
}

/// Returns the row to write to, matched by UID first and by name second.
pub(super) fn target_row(uid: Uuid, resource_version: i64, existing: &[ExistingRow]) -> Target {
    let newer = |row: &ExistingRow| resource_version > row.resource_version;
    let update = |row: &ExistingRow| TargetRow {
        id: row.id,
        change: ChangeKind::Updated,
        replaces: None,
        visible_digest: row.visible_digest,
    };
    let create = |replaces| TargetRow { replaces, ..TargetRow::created(uid) };
    if let Some(own) = existing.iter().find(|row| row.uid == Some(uid)) {
        return if newer(own) { Target::Row(update(own)) } else { Target::Stale };
    }
    match existing.first() {
        None => Target::Row(create(None)),
        Some(row) if row.uid.is_none() => Target::Row(update(row)),
        Some(row) if newer(row) => Target::Row(create(Some(row.id))),
        Some(_) => Target::Superseded,
    }
}

impl<'a, R: MirroredRow> Write<'a, R> {
    /// Returns the write of an object's versions, which are ordered from old to new, to a row. A version that changes nothing
    /// that callers can see has no event.
    pub(super) fn new(target: TargetRow, first: &'a R, later: &[&'a R]) -> Self {
        let visible_digest = first.visible_digest();
        let is_visible =
            target.change == ChangeKind::Created || target.visible_digest != Some(visible_digest);
        let events = if is_visible { vec![(target.change, first)] } else { Vec::new() };
        let mut write = Self { target, row: first, visible_digest, events };
        for row in later {
            write.add(row);
        }
        write
    }

    fn add(&mut self, row: &'a R) {
        if row.meta().resource_version <= self.row.meta().resource_version {
            return;
        }
        let visible_digest = row.visible_digest();
        if visible_digest != self.visible_digest {
            self.events.push((ChangeKind::Updated, row));
        }
        (self.row, self.visible_digest) = (row, visible_digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const UID: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn existing(uid: Option<Uuid>, resource_version: i64) -> [ExistingRow; 1] {
        [ExistingRow { id: ID, uid, resource_version, visible_digest: None }]
    }

    fn updated(id: Uuid) -> Target {
        let change = ChangeKind::Updated;
        Target::Row(TargetRow { id, change, replaces: None, visible_digest: None })
    }

    fn created(replaces: Option<Uuid>) -> Target {
        let change = ChangeKind::Created;
        Target::Row(TargetRow { id: UID, change, replaces, visible_digest: None })
    }

    /// A response that arrives late never turns a finished run back into a running one.
    #[test]
    fn an_older_or_equal_version_changes_nothing() {
        assert_eq!(target_row(UID, 9, &existing(Some(UID), 9)), Target::Stale);
        assert_eq!(target_row(UID, 10, &existing(Some(UID), 9)), updated(ID));
    }

    /// After a cluster is rebuilt, tenants keep the IDs that documents and users refer to.
    #[test]
    fn a_row_without_uid_is_matched_by_name_and_keeps_its_id() {
        assert_eq!(target_row(UID, 1, &existing(None, 0)), updated(ID));
    }

    /// A workflow that was deleted and created again does not show the runs of the old one.
    #[test]
    fn the_same_name_with_another_uid_is_another_object() {
        assert_eq!(target_row(UID, 10, &existing(Some(OTHER), 9)), created(Some(ID)));
        assert_eq!(target_row(UID, 8, &existing(Some(OTHER), 9)), Target::Superseded);
        assert_eq!(target_row(UID, 8, &[]), created(None));
    }
}
