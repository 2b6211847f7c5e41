//! Names of enum values in requests. The API spells them in UPPER_SNAKE_CASE and Kubernetes in PascalCase; both are
//! accepted, so that a value can be copied from either.

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IntoDeserializer as _, value::StringDeserializer},
};

use crate::app::enum_names::upper_snake;

/// Deserializes an enum value whose name is in UPPER_SNAKE_CASE or PascalCase.
///
/// # Errors
/// Returns an error that lists the known names if there is no such value.
pub(in crate::http) fn enum_name<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<T, D::Error> {
    let name = String::deserialize(deserializer)?;
    let name: StringDeserializer<D::Error> = canonical(&name).into_deserializer();
    T::deserialize(name)
}

/// Deserializes an optional enum value like [`enum_name`].
///
/// # Errors
/// Returns an error that lists the known names if there is no such value.
pub(in crate::http) fn optional_enum_name<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    enum_name(deserializer).map(Some)
}

/// Returns the name in the spelling of the API.
pub(in crate::http) fn canonical(name: &str) -> String {
    match name.contains(|letter: char| letter.is_ascii_lowercase()) {
        true => upper_snake(name),
        false => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::store::{CancelMode, RunStatus};

    fn status(name: &Value) -> Option<RunStatus> {
        enum_name(name).ok()
    }

    /// The names of Kubernetes and of the API mean the same value, and an unknown name is refused with the known ones.
    #[test]
    fn both_spellings_are_accepted() {
        assert_eq!(status(&json!("TIMED_OUT")), Some(RunStatus::TimedOut));
        assert_eq!(status(&json!("TimedOut")), Some(RunStatus::TimedOut));
        assert_eq!(status(&json!("Failed")), Some(RunStatus::Failed));
        for unknown in [json!(""), json!("TIMEDOUT"), json!("Timed Out"), json!(7)] {
            assert_eq!(status(&unknown), None, "{unknown}");
        }
        let error = enum_name::<_, CancelMode>(json!("Later")).unwrap_err().to_string();
        assert!(error.contains("`GRACEFUL` or `NOW`"), "{error}");
    }
}
