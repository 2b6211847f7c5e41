//! IDs that are unique across all types: base64 of `Type:id`.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

use crate::app::{events::EventPosition, workflows::RevisionKey};

/// Name of the type of events.
const EVENT: &str = "Event";
/// Name of the type of revisions.
const REVISION: &str = "WorkflowRevision";

/// What a global ID identifies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum GlobalId {
    /// Object with a UUID.
    Object(Kind, Uuid),
    /// Event of the caller's tenant: `Event:4711`.
    Event(EventPosition),
    /// Revision of a workflow, by its workflow and its name: `WorkflowRevision:b0000000-0000-4000-8000-000000000001/invoice-5d8c9f`.
    Revision(RevisionKey),
}

/// Type of an object with a UUID.
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

    /// Returns the kind that an event or an audit event names, such as `WORKFLOW_RUN`.
    pub(super) fn of_changed_object(name: &str) -> Option<Self> {
        match name {
            "TENANT" => Some(Self::Tenant),
            "WORKFLOW" => Some(Self::Workflow),
            "WORKFLOW_RUN" => Some(Self::WorkflowRun),
            "USER" => Some(Self::User),
            _ => None,
        }
    }

    /// Returns the global ID of an object of this kind.
    pub(super) fn encode(self, id: Uuid) -> ID {
        GlobalId::Object(self, id).encode()
    }

    /// Returns the object's own id; `None` if the text is not a global ID of this kind.
    pub(super) fn decode(self, id: &ID) -> Option<Uuid> {
        match GlobalId::decode(id) {
            Some(GlobalId::Object(kind, id)) if kind == self => Some(id),
            _ => None,
        }
    }
}

impl GlobalId {
    /// Returns the text of the ID.
    pub(super) fn encode(&self) -> ID {
        let text = match self {
            Self::Object(kind, id) => format!("{}:{id}", kind.name()),
            Self::Event(position) => format!("{EVENT}:{position}"),
            Self::Revision(RevisionKey { workflow, name }) => format!("{REVISION}:{workflow}/{name}"),
        };
        ID(STANDARD.encode(text))
    }

    /// Parses an ID; returns `None` if the text is not a global ID.
    pub(super) fn decode(id: &ID) -> Option<Self> {
        let text = String::from_utf8(STANDARD.decode(id.as_str()).ok()?).ok()?;
        let (name, id) = text.split_once(':')?;
        match name {
            EVENT => id.parse().ok().map(Self::Event),
            REVISION => {
                let (workflow, name) = id.split_once('/')?;
                Some(Self::Revision(RevisionKey { workflow: workflow.parse().ok()?, name: name.to_owned() }))
            }
            _ => {
                let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name)?;
                Some(Self::Object(kind, id.parse().ok()?))
            }
        }
    }
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
        assert_eq!(GlobalId::decode(&ID("nonsense".to_owned())), None);
    }

    /// Events and revisions, which have no UUID, are found by their IDs.
    #[test]
    fn events_and_revisions_have_ids() {
        let key = RevisionKey { workflow: Uuid::from_u128(7), name: "invoice-5d8c9f".to_owned() };
        for id in [GlobalId::Event("4711".parse().unwrap()), GlobalId::Revision(key)] {
            assert_eq!(GlobalId::decode(&id.encode()), Some(id));
        }
        for text in
            ["Event:-1", "WorkflowRevision:x/y", "WorkflowRevision:b0000000-0000-4000-8000-000000000001"]
        {
            assert_eq!(GlobalId::decode(&ID(STANDARD.encode(text))), None, "{text}");
        }
    }
}
