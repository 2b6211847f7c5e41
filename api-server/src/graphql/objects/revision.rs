//! The type `WorkflowRevision`, and its connection.

use std::sync::Arc;

use async_graphql::{
    Context, ID, Json, Object, Result,
    connection::{Connection, Edge},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    app::{
        self,
        page::{Direction, Paging},
        workflows::{Revision, RevisionKey},
    },
    graphql::{
        ContentRepeats,
        connection::{ConnectionOf, cost},
        error::{from_app, from_loader, invalid_cursor},
        global_id::GlobalId,
        loaders::{DefinitionOfRevision, Loaders},
        scalars::DateTime,
        total::{Counted, Total},
    },
};

/// Cost of listing the revisions of a workflow besides the revisions themselves: one request to Kubernetes for ten workflows.
pub(in crate::graphql) const REVISIONS_COST: usize = 10;

/// Definition that a workflow had at a time. Runs execute the revision that was current when they were accepted.
pub(in crate::graphql) struct WorkflowRevision {
    /// ID of the workflow.
    pub(in crate::graphql) workflow: Uuid,
    pub(in crate::graphql) revision: Revision,
}

/// Definition that a workflow had at a time. Runs execute the revision that was current when they were accepted.
#[Object]
impl WorkflowRevision {
    /// Global ID of the revision.
    pub(in crate::graphql) async fn id(&self) -> ID {
        GlobalId::Revision(self.key()).encode()
    }

    /// Name of the revision, as in `revision` of runs.
    async fn name(&self) -> &str {
        &self.revision.name
    }

    /// Generation of the workflow for which the revision was created. A definition that is restored has its earlier revision again.
    async fn number(&self) -> i32 {
        i32::try_from(self.revision.number).unwrap_or(i32::MAX)
    }

    /// Digest of the definition.
    async fn digest(&self) -> &str {
        &self.revision.digest
    }

    /// Whether new runs execute the revision.
    async fn current(&self) -> bool {
        self.revision.is_current
    }

    /// Spec of the workflow as in Kubernetes. Each costs 50, since it is a request to Kubernetes.
    #[graphql(complexity = 50)]
    async fn definition(&self, ctx: &Context<'_>) -> Result<Json<Value>> {
        let key = DefinitionOfRevision { revision: self.key(), repeats: ContentRepeats::from_context(ctx) };
        let definition = ctx.data::<Loaders>()?.load_one(key).await.map_err(from_loader)?;
        let definition: Arc<Value> = definition.ok_or_else(|| from_app(app::Error::NotFound))?;
        Ok(Json((*definition).clone()))
    }

    /// Time at which the revision was created.
    async fn created_at(&self) -> DateTime {
        DateTime(self.revision.created_at)
    }
}

impl WorkflowRevision {
    fn key(&self) -> RevisionKey {
        RevisionKey { workflow: self.workflow, name: self.revision.name.clone() }
    }
}

/// Returns the maximum cost of a page of revisions, each of which costs `node`.
pub(in crate::graphql) fn revisions_cost(first: Option<i32>, last: Option<i32>, node: usize) -> usize {
    cost(first, last, node).saturating_add(REVISIONS_COST)
}

/// Converts a page of all revisions of a workflow, which are in order, into a connection.
///
/// # Errors
/// Returns an error if the cursor is none of a revision.
pub(in crate::graphql) fn revision_connection(
    workflow: Uuid,
    revisions: &[Revision],
    paging: &Paging,
) -> Result<ConnectionOf<WorkflowRevision>> {
    let cursor = paging.cursor.as_deref().map(Cursor::parse).transpose()?;
    let limit = paging.limit.get();
    let (begin, end) = match (paging.direction, &cursor) {
        (Direction::Forward, cursor) => {
            let begin = cursor.as_ref().map_or(0, |cursor| cursor.end(revisions));
            (begin, begin.saturating_add(limit).min(revisions.len()))
        }
        (Direction::Backward, cursor) => {
            let end = cursor.as_ref().map_or(revisions.len(), |cursor| cursor.begin(revisions));
            (end.saturating_sub(limit), end)
        }
    };
    let counted = Total(Counted::Known(revisions.len()));
    let mut connection = Connection::with_additional_fields(begin > 0, end < revisions.len(), counted);
    let page = revisions.get(begin..end).unwrap_or_default();
    connection.edges.extend(page.iter().map(|revision| {
        let node = WorkflowRevision { workflow, revision: revision.clone() };
        Edge::new(Cursor::from_revision(revision).encode(), node)
    }));
    Ok(connection)
}

/// Position in the revisions of a workflow. A revision may be deleted meanwhile, or get a higher number when its definition is
/// restored.
struct Cursor {
    number: i64,
    name: String,
}

impl Cursor {
    fn from_revision(revision: &Revision) -> Self {
        Self { number: revision.number, name: revision.name.clone() }
    }

    fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}/{}", self.number, self.name))
    }

    fn parse(text: &str) -> Result<Self> {
        let parse = || {
            let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
            let (number, name) = text.split_once('/')?;
            Some(Self { number: number.parse().ok()?, name: name.to_owned() })
        };
        parse().ok_or_else(invalid_cursor)
    }

    fn is_of(&self, revision: &Revision) -> bool {
        (self.number, self.name.as_str()) == (revision.number, revision.name.as_str())
    }

    /// Returns the index of the revision, or of the first one after its place.
    fn begin(&self, revisions: &[Revision]) -> usize {
        let own = revisions.iter().position(|revision| self.is_of(revision));
        let following = || revisions.iter().position(|revision| revision.number < self.number);
        own.or_else(following).unwrap_or(revisions.len())
    }

    /// Returns the index of the first revision after it.
    fn end(&self, revisions: &[Revision]) -> usize {
        let begin = self.begin(revisions);
        begin + usize::from(revisions.get(begin).is_some_and(|revision| self.is_of(revision)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Limit, Order};

    fn revisions(numbers: &[i64]) -> Vec<Revision> {
        let revision = |number: &i64| Revision {
            name: format!("invoice-{number}"),
            number: *number,
            digest: number.to_string(),
            is_current: false,
            created_at: jiff::Timestamp::UNIX_EPOCH,
        };
        numbers.iter().map(revision).collect()
    }

    fn page(revisions: &[Revision], direction: Direction, cursor: Option<i64>) -> (Vec<i64>, bool, bool) {
        let cursor = cursor.map(|number| Cursor { number, name: format!("invoice-{number}") }.encode());
        let limit = Limit::new(2).unwrap();
        let paging = Paging { cursor, order: Order::NewestFirst, limit, direction };
        let page = revision_connection(Uuid::nil(), revisions, &paging).unwrap();
        let numbers = page.edges.iter().map(|edge| edge.node.revision.number).collect();
        (numbers, page.has_previous_page, page.has_next_page)
    }

    /// Revisions are read in both directions, and a page goes on at its place if its cursor's revision was deleted.
    #[test]
    fn revisions_are_paged_in_both_directions() {
        let all = revisions(&[9, 7, 5, 3, 1]);
        let (forward, backward) = (Direction::Forward, Direction::Backward);
        assert_eq!(page(&all, forward, None), (vec![9, 7], false, true));
        assert_eq!(page(&all, forward, Some(7)), (vec![5, 3], true, true));
        assert_eq!(page(&all, forward, Some(3)), (vec![1], true, false));
        assert_eq!(page(&all, backward, None), (vec![3, 1], true, false));
        assert_eq!(page(&all, backward, Some(3)), (vec![7, 5], true, true));
        assert_eq!(page(&all, backward, Some(7)), (vec![9], false, true));
        let fewer = revisions(&[9, 5, 1]);
        assert_eq!(page(&fewer, forward, Some(7)), (vec![5, 1], true, false));
        assert_eq!(page(&fewer, backward, Some(3)), (vec![9, 5], false, true));
        assert_eq!(page(&[], forward, Some(3)), (vec![], false, false));
        assert!(Cursor::parse("x").is_err() && Cursor::parse("").is_err());
    }
}
