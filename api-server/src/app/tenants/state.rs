//! Suspending and archiving tenants, and making them active again.

use serde_json::{Value, json};
use uuid::Uuid;

use super::update::write_any;
use crate::{
    app::{App, Error, Reservation, change_object::Edit},
    auth::PlatformScope,
    store::{Tenant, TenantState},
};

/// Change of the state of a tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateChange {
    /// The tenant becomes read-only, and no run starts.
    Suspend,
    /// A suspended tenant becomes active.
    Resume,
    /// The tenant becomes permanently read-only, and its unfinished runs are cancelled.
    Archive,
    /// An archived tenant becomes active.
    Restore,
}

/// Changes the state of a tenant and returns it like [`super::get`]. One that has the state already stays as it is.
///
/// # Errors
/// Returns an error if there is no such tenant, if it is archived and the change is for suspended ones, if another tool manages
/// its state, or if the Kubernetes API or the database fails.
pub async fn change_state(
    app: &App,
    scope: PlatformScope,
    id: Uuid,
    change: StateChange,
) -> Result<(Tenant, Reservation), Error> {
    write_any(app, scope, id, None, change.action(), &change).await
}

impl StateChange {
    fn action(self) -> &'static str {
        match self {
            Self::Suspend => "suspend the tenant",
            Self::Resume => "resume the tenant",
            Self::Archive => "archive the tenant",
            Self::Restore => "restore the tenant",
        }
    }

    /// Returns the state that a tenant in a state gets.
    fn next(self, state: TenantState) -> Result<TenantState, Error> {
        match (self, state) {
            (Self::Suspend | Self::Resume, TenantState::Archived) => {
                Err(Error::TenantState { action: self.action(), state })
            }
            (Self::Suspend, _) => Ok(TenantState::Suspended),
            (Self::Archive, _) => Ok(TenantState::Archived),
            (Self::Restore, TenantState::Suspended) => Ok(TenantState::Suspended),
            (Self::Resume | Self::Restore, _) => Ok(TenantState::Active),
        }
    }
}

impl Edit for StateChange {
    async fn edit(&self, _name: &str, mut spec: Value) -> Result<Value, Error> {
        let state = match spec.get("state").and_then(Value::as_str) {
            Some("Suspended") => TenantState::Suspended,
            Some("Archived") => TenantState::Archived,
            _ => TenantState::Active,
        };
        let next = self.next(state)?;
        if let Some(fields) = spec.as_object_mut().filter(|_| next != state) {
            match next {
                // Without a state, a tenant is active.
                TenantState::Active => drop(fields.remove("state")),
                TenantState::Suspended => drop(fields.insert("state".to_owned(), json!("Suspended"))),
                TenantState::Archived => drop(fields.insert("state".to_owned(), json!("Archived"))),
            }
        }
        Ok(spec)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each change leads to its state, may be repeated, and never makes an archived tenant active by resuming it.
    #[test]
    fn each_change_leads_to_its_state() {
        use StateChange::{Archive, Restore, Resume, Suspend};
        use TenantState::{Active, Archived, Suspended};
        for (change, state, next) in [
            (Suspend, Active, Some(Suspended)),
            (Suspend, Suspended, Some(Suspended)),
            (Suspend, Archived, None),
            (Resume, Active, Some(Active)),
            (Resume, Suspended, Some(Active)),
            (Resume, Archived, None),
            (Archive, Active, Some(Archived)),
            (Archive, Suspended, Some(Archived)),
            (Archive, Archived, Some(Archived)),
            (Restore, Active, Some(Active)),
            (Restore, Suspended, Some(Suspended)),
            (Restore, Archived, Some(Active)),
        ] {
            assert_eq!(change.next(state).ok(), next, "{change:?} {state:?}");
        }
    }
}
