//! Uploaded pictures of users.

use uuid::Uuid;

use crate::store::{Error, TenantTx};

/// Uploaded picture of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// PNG without metadata.
    pub png: Vec<u8>,
    /// SHA-256 of the PNG, in hexadecimal digits.
    pub sha256: String,
}

/// Size and digest of an uploaded picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PictureSummary {
    /// Size of the PNG, in bytes.
    pub bytes: i32,
    /// SHA-256 of the PNG, in hexadecimal digits.
    pub sha256: String,
}

/// Returns the uploaded picture of a user; `None` if there is none.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn picture(tx: &mut TenantTx, user: Uuid) -> Result<Option<Picture>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        Picture,
        "select png, sha256 from user_pictures where tenant_id = $1 and user_id = $2",
        tenant,
        user
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the picture of a user"))
}

/// Returns size and digest of the uploaded picture of a user; `None` if there is none.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn picture_summary(tx: &mut TenantTx, user: Uuid) -> Result<Option<PictureSummary>, Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query_as!(
        PictureSummary,
        r#"select octet_length(png) as "bytes!", sha256 from user_pictures where tenant_id = $1 and user_id = $2"#,
        tenant,
        user
    )
    .fetch_optional(connection)
    .await
    .map_err(Error::query("read the size of the picture of a user"))
}

/// Creates or replaces the uploaded picture of a user.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn put_picture(tx: &mut TenantTx, user: Uuid, picture: &Picture) -> Result<(), Error> {
    let Picture { png, sha256 } = picture;
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!(
        "insert into user_pictures (tenant_id, user_id, png, sha256) values ($1, $2, $3, $4)
         on conflict (tenant_id, user_id) do update set png = excluded.png, sha256 = excluded.sha256, updated_at = now()",
        tenant,
        user,
        png,
        sha256
    )
    .execute(connection)
    .await
    .map(drop)
    .map_err(Error::query("store the picture of a user"))
}

/// Deletes the uploaded picture of a user, if there is one.
///
/// # Errors
/// Returns an error if the query fails.
pub async fn delete_picture(tx: &mut TenantTx, user: Uuid) -> Result<(), Error> {
    let (connection, tenant) = tx.connection_and_tenant();
    sqlx::query!("delete from user_pictures where tenant_id = $1 and user_id = $2", tenant, user)
        .execute(connection)
        .await
        .map(drop)
        .map_err(Error::query("delete the picture of a user"))
}
