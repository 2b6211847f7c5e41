//! The first login of a person, which gives a user an identity.

use uuid::Uuid;

use super::scope::TenantScope;

/// First login of a person who is admitted to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// Tenant of the user.
    pub scope: TenantScope,
    /// Issuer of the token.
    pub issuer: String,
    /// Identifier of the person that the issuer has chosen.
    pub subject: String,
    /// Address of the person, as the token has it.
    pub email: String,
    /// Full name of the person in the token.
    pub name: Option<String>,
    /// Reason of the admission.
    pub admission: Admission,
}

/// Reason why a person is admitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// The person has the token of an invitation.
    Invitation {
        /// ID of the invitation.
        invitation: Uuid,
        /// ID of the user.
        user: Uuid,
    },
    /// The address of the person is that of an invited user.
    Invited {
        /// ID of the user.
        user: Uuid,
    },
    /// The issuer may create users.
    JustInTime {
        /// Role of the new user.
        role: String,
    },
}
