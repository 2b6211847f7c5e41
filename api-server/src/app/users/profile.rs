//! Name and picture of a user.

use url::Url;
use uuid::Uuid;

use super::{Editor, change, picture::picture_path};
use crate::{
    app::{
        App, Error, Violation,
        audit::{self, Change},
    },
    store::{User, users},
};

const ACTION: &str = "change the user";
/// Maximum length of a name, in characters.
const MAX_NAME_LETTERS: usize = 120;
/// Maximum length of a URL, in bytes.
const MAX_URL_BYTES: usize = 2048;

/// Change of a user: absent fields stay, and `Some(None)` removes a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// Full name.
    pub display_name: Option<Option<String>>,
    /// URL of a picture. The path of the uploaded picture is accepted if it is the URL already.
    pub picture_url: Option<Option<String>>,
}

/// Changes a user and returns it. `version` is the version that it must have, or `None`.
///
/// # Errors
/// Returns an error if the change is not valid, or as [`change`] does.
pub async fn update(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    patch: Patch,
) -> Result<User, Error> {
    let Patch { display_name, picture_url } = patch;
    let name = display_name.as_ref().and_then(|name| check_display_name(name.as_deref()?));
    let uploaded = picture_path(id);
    let external = picture_url.as_ref().and_then(Option::as_deref).filter(|url| *url != uploaded);
    let picture = external.and_then(check_picture_url);
    let violations: Vec<_> = name.into_iter().chain(picture).collect();
    if !violations.is_empty() {
        return Err(Error::InvalidRequest { action: ACTION, violations });
    }
    let changed = change(app, editor, id, version, ACTION, async |tx, user: &User| {
        let name = display_name.unwrap_or_else(|| user.display_name.clone());
        let picture = picture_url.unwrap_or_else(|| user.picture_url.clone());
        if picture != user.picture_url {
            if picture.as_deref() == Some(uploaded.as_str()) {
                return Err(Error::InvalidRequest { action: ACTION, violations: vec![not_uploaded()] });
            }
            users::delete_picture(tx, id).await?;
        }
        let mut changes = Vec::new();
        changes.extend(difference("/displayName", user.display_name.as_deref(), name.as_deref()));
        changes.extend(difference("/pictureUrl", user.picture_url.as_deref(), picture.as_deref()));
        if !changes.is_empty() {
            users::set_profile(tx, id, name.as_deref(), picture.as_deref()).await?;
        }
        audit::record_changes(changes);
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
}

fn difference(field: &str, before: Option<&str>, after: Option<&str>) -> Option<Change> {
    (before != after).then(|| Change::new(field, before.map(Into::into), after.map(Into::into)))
}

/// Returns what is wrong with a name.
pub(super) fn check_display_name(name: &str) -> Option<Violation> {
    let is_visible = !name.trim().is_empty() && !name.chars().any(char::is_control);
    let is_valid = is_visible && name.chars().count() <= MAX_NAME_LETTERS;
    let message = format!("must have 1 to {MAX_NAME_LETTERS} characters, and no control characters");
    (!is_valid).then(|| violation("/displayName", message))
}

/// Returns what is wrong with the URL of a picture that is not uploaded.
pub(super) fn check_picture_url(url: &str) -> Option<Violation> {
    let is_https =
        |url: &Url| url.scheme() == "https" && url.username().is_empty() && url.password().is_none();
    let is_valid = url.len() <= MAX_URL_BYTES
        && url.starts_with("https://")
        && Url::parse(url).is_ok_and(|url| is_https(&url));
    let message = format!("must be an https URL of at most {MAX_URL_BYTES} bytes without a password");
    (!is_valid).then(|| violation("/pictureUrl", message))
}

fn not_uploaded() -> Violation {
    let message = "no picture of the user is uploaded: upload one, or send an https URL";
    violation("/pictureUrl", message.to_owned())
}

fn violation(pointer: &str, message: String) -> Violation {
    Violation { pointer: pointer.to_owned(), code: "invalid".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture is loaded by the browsers of colleagues: other schemes, and passwords in a URL, are refused.
    #[test]
    fn pictures_have_https_urls() {
        assert_eq!(check_picture_url("https://cdn.example/anna.png?size=64"), None);
        for url in [
            "",
            "http://cdn.example/a.png",
            "javascript:alert(1)",
            "data:image/png;base64,AAAA",
            "https://",
            "https://anna:secret@cdn.example/a.png",
            "//cdn.example/a.png",
            &format!("https://cdn.example/{}", "a".repeat(2048)),
        ] {
            assert!(check_picture_url(url).is_some(), "{url}");
        }
    }

    /// A name is visible and fits into a line.
    #[test]
    fn names_are_visible() {
        assert_eq!(check_display_name("Anna Ångström 🥐"), None);
        for name in ["", "  ", "Anna\n", &"a".repeat(121)] {
            assert!(check_display_name(name).is_some(), "{name:?}");
        }
    }
}
