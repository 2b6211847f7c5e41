//! The claims of a token.

use serde::Deserialize;

/// Claims that the api-server reads. The verification itself checks `iss`, `aud`, `exp` and `nbf`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// E-mail address that identifies the user; its case is ignored.
    pub email: String,
    /// Slug of the user's tenant; absent for platform administrators.
    #[serde(rename = "smb_tenant", default)]
    pub tenant: Option<String>,
    /// Names of the user's roles; unknown roles grant no permission.
    #[serde(rename = "smb_roles", default)]
    pub roles: Vec<String>,
}
