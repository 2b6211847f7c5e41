//! Ids that are unique over all types: base64 of `Type:uuid`.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

/// What an id is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Tenant,
    Plan,
    Workflow,
    WorkflowRun,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Tenant, Self::Plan, Self::Workflow, Self::WorkflowRun];

    fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Plan => "Plan",
            Self::Workflow => "Workflow",
            Self::WorkflowRun => "WorkflowRun",
        }
    }

    /// The global id of an object of this kind.
    pub(super) fn encode(self, id: Uuid) -> ID {
        ID(STANDARD.encode(format!("{}:{id}", self.name())))
    }

    /// The id of an object of this kind; `None` for anything else, which is nobody's id.
    pub(super) fn decode(self, id: &ID) -> Option<Uuid> {
        decode(id).filter(|(kind, _)| *kind == self).map(|(_, id)| id)
    }
}

/// What a global id is of.
pub(super) fn decode(id: &ID) -> Option<(Kind, Uuid)> {
    let text = String::from_utf8(STANDARD.decode(id.as_str()).ok()?).ok()?;
    let (name, id) = text.split_once(':')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
    Some((kind, id.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An id that was given out is not found again, or finds an object of another type.
    #[test]
    fn an_id_is_good_for_its_own_kind_only() {
        let id = Kind::Workflow.encode(Uuid::from_u128(7));
        assert_eq!(Kind::Workflow.decode(&id), Some(Uuid::from_u128(7)));
        assert_eq!(Kind::WorkflowRun.decode(&id), None);
        assert_eq!(decode(&ID("nonsense".to_owned())), None);
    }
}
