//! IDs that are unique across all types: base64 of `Type:uuid`.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

/// Type of the object that an ID identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tenant,
    Plan,
    Workflow,
    WorkflowRun,
    AuditEvent,
    User,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Tenant, Self::Plan, Self::Workflow, Self::WorkflowRun, Self::AuditEvent, Self::User];

    fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Plan => "Plan",
            Self::Workflow => "Workflow",
            Self::WorkflowRun => "WorkflowRun",
            Self::AuditEvent => "AuditEvent",
            Self::User => "User",
        }
    }

    /// Returns the global ID of an object of this kind.
    pub(super) fn encode(self, id: Uuid) -> ID {
        ID(STANDARD.encode(format!("{}:{id}", self.name())))
    }

    /// Returns the object's own id; `None` if the text is not a global ID of this kind.
    pub(super) fn decode(self, id: &ID) -> Option<Uuid> {
        decode(id).filter(|(kind, _)| *kind == self).map(|(_, id)| id)
    }
}

/// Returns kind and id of the object that a global ID identifies; `None` if the text is not a global ID.
pub(super) fn decode(id: &ID) -> Option<(Kind, Uuid)> {
    let text = String::from_utf8(STANDARD.decode(id.as_str()).ok()?).ok()?;
    let (name, id) = text.split_once(':')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    Some((kind, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ID identifies an object of its own type and no other.
    #[test]
    fn an_id_is_valid_for_its_own_kind_only() {
        let id = Kind::Workflow.encode(Uuid::from_u128(7));
        assert_eq!(Kind::Workflow.decode(&id), Some(Uuid::from_u128(7)));
        assert_eq!(Kind::WorkflowRun.decode(&id), None);
        assert_eq!(decode(&ID("nonsense".to_owned())), None);
    }
}
