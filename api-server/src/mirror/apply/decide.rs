//! Decides which row an object is written to, from the rows that match its UID or its name.

use uuid::Uuid;

use super::event::ChangeKind;

/// A row with the object's UID or with its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExistingRow {
    pub id: Uuid,
    /// `None` after the cluster was rebuilt, until the object is observed in the new cluster.
    pub uid: Option<Uuid>,
    pub resource_version: i64,
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
}

/// Returns the row to write to, matched by UID first and by name second, or `None` if the stored row is as
/// new as the object or newer.
pub(super) fn target_row(uid: Uuid, resource_version: i64, existing: &[ExistingRow]) -> Option<TargetRow> {
    let newer = |row: &ExistingRow| resource_version > row.resource_version;
    let update = |id| TargetRow { id, change: ChangeKind::Updated, replaces: None };
    let create = |replaces| TargetRow { id: uid, change: ChangeKind::Created, replaces };
    if let Some(own) = existing.iter().find(|row| row.uid == Some(uid)) {
        return newer(own).then_some(update(own.id));
    }
    match existing.first() {
        None => Some(create(None)),
        Some(ExistingRow { id, uid: None, .. }) => Some(update(*id)),
        Some(row) => newer(row).then_some(create(Some(row.id))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const UID: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn existing(uid: Option<Uuid>, resource_version: i64) -> [ExistingRow; 1] {
        [ExistingRow { id: ID, uid, resource_version }]
    }

    fn updated(id: Uuid) -> Option<TargetRow> {
        Some(TargetRow { id, change: ChangeKind::Updated, replaces: None })
    }

    fn created(replaces: Option<Uuid>) -> Option<TargetRow> {
        Some(TargetRow { id: UID, change: ChangeKind::Created, replaces })
    }

    /// A response that arrives late never turns a finished run back into a running one.
    #[test]
    fn an_older_or_equal_version_changes_nothing() {
        assert_eq!(target_row(UID, 9, &existing(Some(UID), 9)), None);
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
        assert_eq!(target_row(UID, 8, &existing(Some(OTHER), 9)), None);
        assert_eq!(target_row(UID, 8, &[]), created(None));
    }
}
