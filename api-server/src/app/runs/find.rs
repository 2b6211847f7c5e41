//! Finding a run by what a user knows of it.

use uuid::Uuid;

use crate::{
    app::{App, Error},
    auth::TenantScope,
    store::{InlineContent, Run, RunReference, TenantTx, runs},
};

/// Maximum length of the name of an object in Kubernetes.
const MAX_NAME_LENGTH: usize = 253;

/// Returns the ID of the run with this ID, with this UID of its object, or with this name. If several runs had the name
/// one after the other, it is that of the one that exists in Kubernetes, or else of the newest.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn find(app: &App, scope: TenantScope, reference: &str) -> Result<Uuid, Error> {
    Ok(find_row(app, scope, reference).await?.id)
}

/// Returns the run of a reference like [`find`], without its content.
///
/// # Errors
/// Returns an error if the tenant has no such run or the database fails.
pub async fn find_row(app: &App, scope: TenantScope, reference: &str) -> Result<Run, Error> {
    let reference = parse(reference)?;
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    let found = runs::read(&mut tx, reference, InlineContent::None).await?;
    Ok(found.ok_or(Error::NotFound)?.run)
}

/// Returns what a reference says about its run. A name may look like an ID.
///
/// # Errors
/// Returns an error if no run can have the reference.
pub(in crate::app) fn parse(reference: &str) -> Result<RunReference<'_>, Error> {
    let (id, name) = (reference.parse().ok(), may_be_name(reference).then_some(reference));
    if id.is_none() && name.is_none() {
        return Err(Error::NotFound);
    }
    Ok(RunReference { id, name })
}

fn may_be_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (1..=MAX_NAME_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text that cannot be the name of an object never reaches the database.
    #[test]
    fn only_names_of_objects_are_looked_up() {
        assert!(may_be_name("invoice-intake-7.x"));
        for text in ["", "\0", "Invoice", "a/b", "ä", &"x".repeat(254)] {
            assert!(!may_be_name(text), "{text}");
        }
    }
}
