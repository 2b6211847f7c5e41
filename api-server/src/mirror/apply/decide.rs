//! What an object's arrival means for the rows that are there.

use uuid::Uuid;

use super::event::What;

/// A row that has the object's uid, or its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub id: Uuid,
    /// Null in the database while a rebuilt cluster has not shown the object yet.
    pub uid: Option<Uuid>,
    pub resource_version: i64,
}

/// Where an object goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The row's id.
    pub id: Uuid,
    /// Whether the row is made, with the uid for its id, or changed.
    pub what: What,
    /// The row of an earlier object of the same name, which is gone.
    pub replaces: Option<Uuid>,
}

/// Decides by uid first and by name then; nothing where the row is as new or newer.
pub(super) fn place(uid: Uuid, resource_version: i64, known: &[Known]) -> Option<Place> {
    let newer = |row: &Known| resource_version > row.resource_version;
    let update = |id| Place { id, what: What::Updated, replaces: None };
    let create = |replaces| Place { id: uid, what: What::Created, replaces };
    if let Some(own) = known.iter().find(|row| row.uid == Some(uid)) {
        return newer(own).then_some(update(own.id));
    }
    match known.first() {
        None => Some(create(None)),
        Some(Known { id, uid: None, .. }) => Some(update(*id)),
        Some(row) => newer(row).then_some(create(Some(row.id))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(1);
    const UID: Uuid = Uuid::from_u128(2);
    const OTHER: Uuid = Uuid::from_u128(3);

    fn known(uid: Option<Uuid>, resource_version: i64) -> [Known; 1] {
        [Known { id: ID, uid, resource_version }]
    }

    fn updated(id: Uuid) -> Option<Place> {
        Some(Place { id, what: What::Updated, replaces: None })
    }

    fn created(replaces: Option<Uuid>) -> Option<Place> {
        Some(Place { id: UID, what: What::Created, replaces })
    }

    /// A late answer turns a finished run back into a running one.
    #[test]
    fn an_older_or_equal_version_changes_nothing() {
        assert_eq!(place(UID, 9, &known(Some(UID), 9)), None);
        assert_eq!(place(UID, 10, &known(Some(UID), 9)), updated(ID));
    }

    /// After a cluster is rebuilt, documents and users hang on tenants that no longer exist.
    #[test]
    fn a_row_without_uid_is_found_by_name_and_keeps_its_id() {
        assert_eq!(place(UID, 1, &known(None, 0)), updated(ID));
    }

    /// A workflow that was deleted and made again shows the runs of the old one.
    #[test]
    fn the_same_name_with_another_uid_is_another_object() {
        assert_eq!(place(UID, 10, &known(Some(OTHER), 9)), created(Some(ID)));
        assert_eq!(place(UID, 8, &known(Some(OTHER), 9)), None);
        assert_eq!(place(UID, 8, &[]), created(None));
    }
}
