//! JSON values of the Postgres type `json`. The `Json` of sqlx sends `jsonb`, which refuses `\u0000` and does
//! not preserve how numbers were written.

use serde::Serialize;
use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, types::Oid},
};

/// OID of the type `json`, the same in every Postgres.
const JSON: Oid = Oid(114);
/// OID of the type `json[]`.
const JSON_ARRAY: Oid = Oid(199);

/// A value that is stored as `json`, unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

impl<T> Type<Postgres> for Json<T> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(JSON)
    }
}

impl<T> PgHasArrayType for Json<T> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(JSON_ARRAY)
    }
}

impl<T: Serialize> Encode<'_, Postgres> for Json<T> {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buf.extend(serde_json::to_vec(&self.0)?);
        Ok(IsNull::No)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use sqlx::PgPool;

    use super::*;

    /// Every JSON value is stored unchanged, also one with a NUL character, as a run's input or a log line
    /// may have.
    #[sqlx::test(migrations = false)]
    async fn every_json_value_is_stored_unchanged(pool: PgPool) {
        for value in [json!("\u{0}"), json!({"b": 1e300, "a": [9_007_199_254_740_993_i64, null, "🥐"]})] {
            let stored: Value =
                sqlx::query_scalar("select $1").bind(Json(&value)).fetch_one(&pool).await.unwrap();
            assert_eq!(stored, value);
            let text: String =
                sqlx::query_scalar("select $1::text").bind(Json(&value)).fetch_one(&pool).await.unwrap();
            assert_eq!(text, value.to_string());
        }
    }

    /// The function `without_nul` changes a NUL, and no text that looks like one.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn without_nul_changes_only_nul(pool: PgPool) {
        for text in ["a", "\0", "\0\0", "\\u0000", "\\\0", "\\\\u0000\0", "\\", "x\0\\\\\0", "\u{1}\"\0"] {
            let value = json!({text: [text, {"a": text}]});
            let found: Value = sqlx::query_scalar("select without_nul($1)")
                .bind(Json(&value))
                .fetch_one(&pool)
                .await
                .unwrap();
            let expected = text.replace('\0', "\u{fffd}");
            assert_eq!(found, json!({&expected: [&expected, {"a": &expected}]}), "{text:?}");
        }
    }
}
