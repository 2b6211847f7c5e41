//! IDs that are unique across all types: base64 of `Type:id`.

use async_graphql::ID;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use uuid::Uuid;

use crate::app::{events::EventPosition, roles::RoleReference, workflows::RevisionKey};

/// Name of the type of events.
const EVENT: &str = "Event";
/// Name of the type of roles.
const ROLE: &str = "Role";
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
    /// Role, by the name of a built-in one or the ID of one of the tenant: `Role:viewer`.
    Role(RoleReference),
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
    Policy,
    Invitation,
    ApiKey,
    ServiceAccount,
    Document,
    SemanticChunk,
}

impl Kind {
    const ALL: [Self; 12] = [
        Self::Tenant,
        Self::Plan,
        Self::Workflow,
        Self::WorkflowRun,
        Self::AuditEvent,
        Self::User,
        Self::Policy,
        Self::Invitation,
        Self::ApiKey,
        Self::ServiceAccount,
        Self::Document,
        Self::SemanticChunk,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Tenant => "Tenant",
            Self::Plan => "Plan",
            Self::Workflow => "Workflow",
            Self::WorkflowRun => "WorkflowRun",
            Self::AuditEvent => "AuditEvent",
            Self::User => "User",
            Self::Policy => "Policy",
            Self::Invitation => "Invitation",
            Self::ApiKey => "ApiKey",
            Self::ServiceAccount => "ServiceAccount",
            Self::Document => "Document",
            Self::SemanticChunk => "SemanticChunk",
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
    /// Returns the ID of an object of the kind that an event or an audit event names, such as `WORKFLOW_RUN`.
    pub(super) fn of_changed_object(kind: &str, id: Uuid) -> Option<Self> {
        let kind = match kind {
            "TENANT" => Kind::Tenant,
            "WORKFLOW" => Kind::Workflow,
            "WORKFLOW_RUN" => Kind::WorkflowRun,
            "USER" => Kind::User,
            "POLICY" => Kind::Policy,
            "INVITATION" => Kind::Invitation,
            "API_KEY" => Kind::ApiKey,
            "SERVICE_ACCOUNT" => Kind::ServiceAccount,
            "DOCUMENT" => Kind::Document,
            "ROLE" => return Some(Self::Role(RoleReference::Own(id))),
            _ => return None,
        };
        Some(Self::Object(kind, id))
    }

    /// Returns the text of the ID.
    pub(super) fn encode(&self) -> ID {
        let text = match self {
            Self::Object(kind, id) => format!("{}:{id}", kind.name()),
            Self::Role(role) => format!("{ROLE}:{role}"),
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
            ROLE => RoleReference::parse(id).map(Self::Role),
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

/// Returns the roles that an input names, each by the name of a built-in role, by the ID of a role of the tenant, or by its global ID.
pub(super) fn role_references(roles: Vec<String>) -> Vec<String> {
    roles.into_iter().map(role_reference).collect()
}

/// Returns the role that an input names, as [`role_references`] does. Another text stays as it is, for an error that names it.
pub(super) fn role_reference(role: String) -> String {
    match GlobalId::decode(&ID(role.clone())) {
        Some(GlobalId::Role(reference)) => reference.to_string(),
        Some(GlobalId::Object(..) | GlobalId::Event(_) | GlobalId::Revision(_)) | None => role,
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

    /// Events, revisions and built-in roles, which have no UUID, are found by their IDs.
    #[test]
    fn events_revisions_and_roles_have_ids() {
        let key = RevisionKey { workflow: Uuid::from_u128(7), name: "invoice-5d8c9f".to_owned() };
        let built_in = GlobalId::Role(RoleReference::parse("viewer").unwrap());
        let own = GlobalId::Role(RoleReference::Own(Uuid::from_u128(7)));
        for id in [GlobalId::Event("4711".parse().unwrap()), GlobalId::Revision(key), built_in, own] {
            assert_eq!(GlobalId::decode(&id.encode()), Some(id));
        }
        for text in [
            "Event:-1",
            "Role:platform-admin",
            "WorkflowRevision:x/y",
            "WorkflowRevision:b0000000-0000-4000-8000-000000000001",
        ] {
            assert_eq!(GlobalId::decode(&ID(STANDARD.encode(text))), None, "{text}");
        }
    }

    /// Inputs name a role by its global ID, too, and other texts are not changed.
    #[test]
    fn roles_are_named_by_their_global_ids_too() {
        let own = RoleReference::Own(Uuid::from_u128(7));
        let names = [GlobalId::Role(own).encode().0, own.to_string(), "viewer".to_owned(), "x".to_owned()];
        let expected = [own.to_string(), own.to_string(), "viewer".to_owned(), "x".to_owned()];
        assert_eq!(role_references(names.to_vec()), expected);
    }
}
