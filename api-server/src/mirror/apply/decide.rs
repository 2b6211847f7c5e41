//! What an object's arrival means for the rows that are there.

use uuid::Uuid;

/// A row that has the object's uid, or its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub id: Uuid,
    /// Null in the database while a rebuilt cluster has not shown the object yet.
    pub uid: Option<Uuid>,
    pub resource_version: i64,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing: the row is as new or newer.
    Stale,
    /// A row is made, with the uid for its id.
    Create,
    /// This row is the object's.
    Update { id: Uuid },
    /// This row was an earlier object's of the same name; that one is gone, and a row is made.
    Replace {
        /// The row's id.
        gone: Uuid,
    },
}

/// Decides by uid first and by name then.
pub(super) fn decide(uid: Uuid, resource_version: i64, known: &[Known]) -> Decision {
    let newer = |row: &Known| resource_version > row.resource_version;
    if let Some(own) = known.iter().find(|row| row.uid == Some(uid)) {
        return if newer(own) { Decision::Update { id: own.id } } else { Decision::Stale };
    }
    match known.first() {
        None => Decision::Create,
        Some(Known { id, uid: None, .. }) => Decision::Update { id: *id },
        Some(row) if newer(row) => Decision::Replace { gone: row.id },
        Some(_) => Decision::Stale,
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

    /// A late answer turns a finished run back into a running one.
    #[test]
    fn an_older_or_equal_version_changes_nothing() {
        assert_eq!(decide(UID, 9, &known(Some(UID), 9)), Decision::Stale);
        assert_eq!(decide(UID, 10, &known(Some(UID), 9)), Decision::Update { id: ID });
    }

    /// After a cluster is rebuilt, documents and users hang on tenants that no longer exist.
    #[test]
    fn a_row_without_uid_is_found_by_name_and_keeps_its_id() {
        assert_eq!(decide(UID, 1, &known(None, 0)), Decision::Update { id: ID });
    }

    /// A workflow that was deleted and made again shows the runs of the old one.
    #[test]
    fn the_same_name_with_another_uid_is_another_object() {
        assert_eq!(decide(UID, 10, &known(Some(OTHER), 9)), Decision::Replace { gone: ID });
        assert_eq!(decide(UID, 8, &known(Some(OTHER), 9)), Decision::Stale);
        assert_eq!(decide(UID, 8, &[]), Decision::Create);
    }
}
