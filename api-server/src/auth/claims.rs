//! What a token says about its bearer.

use serde::Deserialize;

/// The claims that are read; `iss`, `aud`, `exp` and `nbf` are checked by the verification itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub struct Claims {
    /// Who the bearer is; compared without case.
    pub email: String,
    /// The slug of the bearer's tenant; absent for people of the platform.
    #[serde(rename = "smb_tenant", default)]
    pub tenant: Option<String>,
    /// The names of the bearer's roles; unknown ones grant nothing.
    #[serde(rename = "smb_roles", default)]
    pub roles: Vec<String>,
}
