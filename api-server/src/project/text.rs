//! Texts of objects as columns.

/// Replaces the characters that a column cannot hold by U+FFFD, so that the object is visible with the rest of its text.
/// Postgres stores no NUL.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::project::{Row, project, testing};

    /// A NUL in a text keeps no object out of the database.
    #[test]
    fn texts_with_nul_are_stored_without_it() {
        let workflow = testing::workflow("acme", "invoices")
            .spec("displayName", json!("In\u{0}voices"))
            .spec("description", json!("\u{0}"));
        let Row::Workflow(row) = project(&workflow.build()).unwrap() else { panic!("not a workflow") };
        assert_eq!((row.display_name.as_str(), row.description.as_str()), ("In\u{fffd}voices", "\u{fffd}"));
        let tenant = testing::tenant("acme").spec("displayName", json!("\u{0}Acme"));
        let Row::Tenant(row) = project(&tenant.build()).unwrap() else { panic!("not a tenant") };
        assert_eq!(row.display_name, "\u{fffd}Acme");
    }
}
