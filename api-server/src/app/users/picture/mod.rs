//! Uploaded pictures of users: reading, replacing and deleting them.

mod convert;

use axum::body::Bytes;
use compute::Memory;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Editor, change, check};
use crate::{
    app::{
        App, Error, Reservation, Violation,
        audit::{self, Change},
    },
    auth::TenantScope,
    store::{
        TenantTx, User,
        users::{self, Picture, PictureSummary},
    },
};

/// Maximum size of an uploaded image, in bytes.
pub const MAX_IMAGE_BYTES: usize = 1 << 20;

const UPLOAD: &str = "change the picture of the user";
/// Code of an image that is damaged.
const NOT_DECODABLE: &str = "not_decodable";

const DELETE: &str = "delete the picture of the user";

/// Returns the path of the uploaded picture of a user, which is its `pictureUrl`.
#[must_use]
pub fn picture_path(user: Uuid) -> String {
    format!("/v1/users/{user}/picture")
}

/// Returns the uploaded picture of a user.
///
/// # Errors
/// Returns an error if the tenant has no such user, the user has no uploaded picture, or the database fails.
pub async fn get_picture(app: &App, scope: TenantScope, id: Uuid) -> Result<Picture, Error> {
    let mut tx = TenantTx::begin(&app.db, scope).await?;
    users::picture(&mut tx, id).await?.ok_or(Error::NotFound)
}

/// Converts an image, stores it as the picture of a user, and returns the user. A picture that the user has already is not a change.
/// `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error if the image is not accepted, if it could not be converted on the tenant's share of threads and memory, or as
/// [`change`] does.
pub async fn set_picture(
    app: &App,
    editor: Editor,
    id: Uuid,
    version: Option<i64>,
    image: Bytes,
) -> Result<User, Error> {
    // An image is converted only for a user whom the caller may change.
    check(app, editor, id, version, UPLOAD).await?;
    let picture = convert_image(app, editor.scope, image).await?;
    let changed = change(app, editor, id, version, UPLOAD, async |tx, user: &User| {
        let stored = users::picture_summary(tx, id).await?;
        let summary = summary(&picture);
        if stored.as_ref() == Some(&summary) {
            return Ok(());
        }
        users::put_picture(tx, id, &picture).await?;
        let path = picture_path(id);
        users::set_profile(tx, id, user.display_name.as_deref(), Some(&path)).await?;
        record(user, Some(path), stored, Some(summary));
        Ok(())
    });
    changed.await?.ok_or(Error::NotFound)
}

/// Deletes the uploaded picture of a user, if there is one. `version` is the version that the user must have, or `None`.
///
/// # Errors
/// Returns an error as [`change`] does.
pub async fn delete_picture(app: &App, editor: Editor, id: Uuid, version: Option<i64>) -> Result<(), Error> {
    let changed = change(app, editor, id, version, DELETE, async |tx, user: &User| {
        let Some(stored) = users::picture_summary(tx, id).await? else { return Ok(()) };
        users::delete_picture(tx, id).await?;
        users::set_profile(tx, id, user.display_name.as_deref(), None).await?;
        record(user, None, Some(stored), None);
        Ok(())
    });
    changed.await.map(drop)
}

/// Converts an image on the threads for computations of tenants. What it takes is reserved from the memory of the tenant once the
/// dimensions of the image are known.
async fn convert_image(app: &App, scope: TenantScope, image: Bytes) -> Result<Picture, Error> {
    let tenant = scope.tenant_id().to_string();
    let read = image.clone();
    let header = app.compute.run(&tenant, move || convert::read_header(&read)).await;
    let header = header.map_err(unconverted)?.map_err(refused)?;
    let bytes = usize::try_from(header.memory).unwrap_or(usize::MAX);
    let reservation = Reservation::of_picture(app, scope, bytes).await?;
    let memory = Memory { bytes, reservation };
    let converted =
        app.compute.run_with_memory(&tenant, memory, move || convert::convert(&image, header)).await;
    let (png, _) = converted.map_err(unconverted)?;
    let png = png.map_err(refused)?;
    let sha256 = hex::encode(Sha256::digest(&png));
    Ok(Picture { png, sha256 })
}

/// Returns the error of an image that is not accepted.
fn refused(error: convert::Error) -> Error {
    let code = match error {
        convert::Error::Format => return Error::UnsupportedImage,
        convert::Error::Dimensions { .. } => "too_many_pixels",
        convert::Error::Tables { .. } => "too_much_memory",
        convert::Error::Decode(_) => NOT_DECODABLE,
        convert::Error::Encode(_) => return Error::PictureEncoding(Box::new(error)),
    };
    invalid(code, telemetry::errors::chain(&error))
}

/// Returns the error of a conversion without a result. A decoder that panics has found something that it does not expect.
fn unconverted(error: compute::Error) -> Error {
    match error {
        compute::Error::Panicked(panic) => {
            let error: &(dyn std::error::Error + 'static) = &panic;
            tracing::error!(error, "the conversion of an image panicked");
            invalid(NOT_DECODABLE, "failed to decode the image".to_owned())
        }
        error => Error::PictureConversion(error),
    }
}

fn invalid(code: &str, message: String) -> Error {
    let violation = Violation { pointer: String::new(), code: code.to_owned(), message };
    Error::InvalidRequest { action: UPLOAD, violations: vec![violation] }
}

fn summary(Picture { png, sha256 }: &Picture) -> PictureSummary {
    PictureSummary { bytes: i32::try_from(png.len()).unwrap_or(i32::MAX), sha256: sha256.clone() }
}

/// Adds the change of a picture to the audit event of the operation, without the picture itself.
fn record(user: &User, path: Option<String>, before: Option<PictureSummary>, after: Option<PictureSummary>) {
    let mut changes = vec![Change::new("/picture", before.map(describe), after.map(describe))];
    if user.picture_url != path {
        let before = user.picture_url.clone().map(Value::from);
        changes.push(Change::new("/pictureUrl", before, path.map(Value::from)));
    }
    audit::record_changes(changes);
}

fn describe(PictureSummary { bytes, sha256 }: PictureSummary) -> Value {
    json!({"bytes": bytes, "sha256": sha256})
}
