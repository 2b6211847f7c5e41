//! When the claims `smb_tenant` and `smb_roles` of a token are sufficient.

/// When the claims `smb_tenant` and `smb_roles` of a token give access to a tenant, without a user in the database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum TokenClaims {
    /// Always, except for persons who are users already: for development and tests.
    Always,
    /// Until the tenant has an active user: for its first owner.
    #[default]
    Bootstrap,
    /// Never.
    Never,
}
