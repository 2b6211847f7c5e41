//! What a decision depends on: the request, and the resource that it concerns.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use jiff::Timestamp;

use crate::permission::Permission;

/// Circumstances of a request. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// Email address of the principal, as it is stored with the runs that it requests.
    pub principal: Option<String>,
    /// Address of the client.
    pub address: Option<IpAddr>,
    /// Time of the request.
    pub time: Option<Timestamp>,
    /// Whether the principal has logged in with several factors.
    pub mfa: Option<bool>,
}

/// Resource of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// None: the operation concerns no single resource, such as reading the usage of the tenant.
    None,
    /// A workflow, or a run of it.
    Workflow(&'a Workflow),
    /// A document, or a part of it.
    Document(&'a Document),
}

/// Attributes of a workflow, or of a run of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workflow {
    /// Name of the workflow.
    pub name: String,
    /// Labels of the workflow; `None` if they are not known, because the workflow was deleted.
    pub labels: Option<BTreeMap<String, String>>,
    /// Email address of the user who has requested the run; `None` if it is a workflow, or a run that nobody has requested.
    pub owner: Option<String>,
}

/// Attributes of a document.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Tags; `None` if they are not known.
    pub tags: Option<BTreeSet<String>>,
    /// Email address of the user who has uploaded the document.
    pub owner: Option<String>,
}

/// Kind of the resources that a permission concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ResourceKind {
    /// No single resource.
    None,
    /// Workflows and their runs.
    Workflow,
    /// Documents and their parts.
    Document,
}

impl ResourceKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::None, Self::Workflow, Self::Document];

    /// Returns the kind of the resources of a permission.
    #[must_use]
    pub fn for_permission(permission: Permission) -> Self {
        match permission.name().split('.').next() {
            Some("workflow") => Self::Workflow,
            Some("document" | "chunk" | "search") => Self::Document,
            _ => Self::None,
        }
    }
}
