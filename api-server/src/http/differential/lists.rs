//! Questions about lists.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use sqlx::PgPool;

use super::{
    CALLERS, Caller, Reply,
    graphql::{Schema, as_rest, base_name, encode},
    rest_api,
};
use crate::http::testing::{ANNA, SERVICE_ACCOUNT, Server, WORKFLOW};

/// Lists with the connections that correspond to them. Parents are found by the ID of the workflow.
const LISTS: [(&str, &[(&str, &str)]); 12] = [
    ("/v1/roles", &[("Query", "roles")]),
    ("/v1/policies", &[("Query", "policies")]),
    ("/v1/invitations", &[("Query", "invitations")]),
    ("/v1/api-keys", &[("Query", "apiKeys")]),
    ("/v1/service-accounts", &[("Query", "serviceAccounts")]),
    ("/v1/users", &[("Query", "users")]),
    ("/v1/documents", &[("Query", "documents")]),
    ("/v1/plans", &[("Query", "plans")]),
    ("/v1/tenants", &[("Query", "tenants")]),
    ("/v1/workflows", &[("Query", "workflows")]),
    ("/v1/workflow-runs", &[("Query", "workflowRuns")]),
    ("/v1/workflows/{id}/runs", &[("Query", "workflow"), ("Workflow", "runs")]),
];
/// Lists that change with each question, and their connections. `http/audit/tests.rs` compares their objects.
const COMPARED_ELSEWHERE: [(&str, &str); 2] =
    [("/v1/audit-events", "auditEvents"), ("/v1/platform/audit-events", "platformAuditEvents")];
/// Fields of objects in lists that only REST has, since GraphQL has the object itself, and the tenant of the caller.
const ONLY_REST: [&str; 2] = ["workflowId", "tenantId"];
/// Connections that are read forward only: logs are stored as they arrive, and read like a file.
const FORWARD_ONLY: [(&str, &str); 1] = [("WorkflowRun", "logs")];
/// Page sizes. Pages of 100 runs with all fields exceed the cost of a document.
const LIMITS: [usize; 3] = [1, 3, 30];
/// Times before, between and after the objects of the fixtures.
const TIMES: [&str; 3] = ["2026-11-01T00:00:00Z", "2026-11-24T08:02:01Z", "2030-01-01T00:00:00Z"];
/// Callers who together may read every list.
const READERS: [Caller; 3] =
    [Caller::User("acme", "viewer"), Caller::User("acme", "auditor"), Caller::Platform("platform-support")];
/// Number of questions below which the generation is broken.
const MIN_QUESTIONS: usize = 300;

/// Pages of a list, with the number of objects that each of them reports for the whole list.
#[derive(Clone, Debug, Default, PartialEq)]
struct Pages {
    pages: Vec<Vec<Value>>,
    totals: BTreeSet<String>,
}

/// List with its connection.
struct Question<'a> {
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    /// Name of the type of the nodes.
    node: String,
    sort: String,
    order: String,
    filter: Map<String, Value>,
    limit: usize,
}

/// Every list gives the same objects in the same order and pages by REST and by GraphQL, with every filter and order, in both
/// directions, or refuses the caller with the same code.
#[sqlx::test(migrator = "crate::db::MIGRATOR")]
async fn lists_are_the_same_in_rest_and_graphql(pool: PgPool) {
    let server = Server::start(&pool).await;
    server.add_runs(12).await;
    server.add_users(&pool).await;
    server.add_keys(&pool).await;
    server.add_roles(&pool).await;
    server.add_documents(&pool).await;
    let schema = Schema::load();
    let mut asked = 0;
    let elsewhere = |path: &str| COMPARED_ELSEWHERE.iter().any(|(other, _)| *other == path);
    for list in rest_api::lists().into_iter().filter(|list| !elsewhere(&list.path)) {
        let (path, fields) = LISTS
            .iter()
            .find(|(path, _)| *path == list.path)
            .unwrap_or_else(|| panic!("{} has no connection in this test", list.path));
        for question in questions(&schema, path, fields, &list.filters) {
            // What a caller may read does not depend on the filter.
            let callers = if question.filter.is_empty() { &CALLERS[..] } else { &READERS };
            for caller in callers.iter().copied() {
                compare(&server, &schema, &question, caller).await;
                asked += 1;
            }
        }
    }
    assert!(asked > MIN_QUESTIONS, "{asked} questions");
}

/// Every list has the same filters, orders and paging arguments by REST and by GraphQL.
#[test]
fn lists_have_the_same_parameters_in_rest_and_graphql() {
    let schema = Schema::load();
    for list in rest_api::lists() {
        let elsewhere = COMPARED_ELSEWHERE.iter().find(|(path, _)| *path == list.path);
        let compared = LISTS.iter().find(|(path, _)| *path == list.path);
        let (parent, name) = match (elsewhere, compared) {
            (Some((_, name)), _) => ("Query", *name),
            (None, Some((_, fields))) => *fields.last().unwrap(),
            (None, None) => panic!("{} has no connection in this test", list.path),
        };
        let field = schema.field(parent, name);
        let filters = schema.argument(field, "filter").map(|ty| schema.input_fields(ty)).unwrap_or_default();
        let names: BTreeSet<_> = filters.into_keys().collect();
        assert_eq!(names, list.filters, "{parent}.{name} and {}", list.path);
        let orders = schema.enum_values(schema.argument(field, "orderBy").unwrap()).unwrap();
        let orders: BTreeSet<_> = orders.iter().map(|order| sort(order)).collect();
        assert_eq!(orders, ["-createdAt", "createdAt"].map(str::to_owned).into(), "{parent}.{name}");
    }
}

/// Every connection is read forward and backward.
#[test]
fn every_connection_is_read_in_both_directions() {
    let schema = Schema::load();
    let mut found = 0;
    for (parent, field) in schema.connections() {
        let arguments =
            ["first", "after", "last", "before"].map(|name| schema.argument(field, name).is_some());
        let expected = [!FORWARD_ONLY.contains(&(parent, field.name.node.as_str())); 2];
        assert_eq!(arguments[..2], [true, true], "{parent}.{}", field.name.node);
        assert_eq!(arguments[2..], expected, "{parent}.{}", field.name.node);
        found += 1;
    }
    assert!(found > 8, "{found} connections");
}

/// Generates the questions about a list from the arguments of its connection.
fn questions<'a>(
    schema: &Schema,
    path: &'a str,
    fields: &'a [(&'a str, &'a str)],
    rest_filters: &BTreeSet<String>,
) -> Vec<Question<'a>> {
    let (parent, name) = fields.last().unwrap();
    let field = schema.field(parent, name);
    let node = base_name(&field.ty.node).strip_suffix("Connection").unwrap().to_owned();
    let filter_fields =
        schema.argument(field, "filter").map(|ty| schema.input_fields(ty)).unwrap_or_default();
    let names: BTreeSet<_> = filter_fields.keys().cloned().collect();
    assert_eq!(&names, rest_filters, "the filters of {path} in GraphQL and in REST");
    let mut filters = vec![Map::new()];
    for (name, ty) in &filter_fields {
        let values = match schema.enum_values(ty) {
            Some(values) => values,
            None if ty == "DateTime" => TIMES.map(str::to_owned).to_vec(),
            None if name == "role" => vec!["owner".to_owned(), "member".to_owned()],
            None if name == "userId" => vec![ANNA.to_owned(), SERVICE_ACCOUNT.to_owned()],
            None if name == "serviceAccountId" => vec![SERVICE_ACCOUNT.to_owned()],
            None if name == "tag" => vec!["hr".to_owned(), "none".to_owned()],
            None if name == "email" => vec!["ANNA@acme.example".to_owned(), "nobody".to_owned()],
            None => panic!("the test has no values for the filter {name} of type {ty}"),
        };
        // Each value alone, and with the values of the filters before.
        let more: Vec<_> = values
            .into_iter()
            .flat_map(|value| {
                filters.iter().map(move |filter| {
                    let mut filter = filter.clone();
                    filter.insert(name.clone(), value.clone().into());
                    filter
                })
            })
            .collect();
        filters.extend(more);
    }
    let orders = schema.enum_values(schema.argument(field, "orderBy").unwrap()).unwrap();
    let mut questions = Vec::new();
    for order in &orders {
        for filter in &filters {
            // Small pages of every filter would repeat the same question.
            let limits = if filter.is_empty() { &LIMITS[..] } else { &LIMITS[1..2] };
            questions.extend(limits.iter().map(|limit| Question {
                path,
                fields,
                node: node.clone(),
                sort: sort(order),
                order: order.clone(),
                filter: filter.clone(),
                limit: *limit,
            }));
        }
    }
    questions
}

/// Returns the value of `sort` in REST for an order in GraphQL: `-createdAt` for `CREATED_AT_DESC`.
fn sort(order: &str) -> String {
    let (name, direction) = order.rsplit_once('_').unwrap();
    let mut words = name.split('_').map(str::to_lowercase);
    let first = words.next().unwrap();
    let camel = words.fold(first, |camel, word| camel + &word[..1].to_uppercase() + &word[1..]);
    if direction == "DESC" { format!("-{camel}") } else { camel }
}

async fn compare(server: &Server, schema: &Schema, question: &Question<'_>, caller: Caller) {
    let about =
        format!("{caller:?} {} {} {:?} {}", question.path, question.sort, question.filter, question.limit);
    let rest = question.by_rest(server, caller).await;
    let selection = match &rest {
        Ok(Pages { pages, .. }) => match pages.first().and_then(|page| page.first()) {
            Some(object) => {
                let (selection, missing) = schema.selection(&question.node, object.as_object().unwrap());
                let missing: Vec<_> =
                    missing.iter().filter(|name| !ONLY_REST.contains(&name.as_str())).collect();
                assert!(missing.is_empty(), "GraphQL lacks {missing:?} of {}", question.path);
                selection
            }
            None => "id".to_owned(),
        },
        Err(_) => "id".to_owned(),
    };
    let rest = rest.map(without_rest_fields);
    let forward = question.by_graphql(server, caller, &selection, "first", "after").await;
    assert_eq!(forward, rest, "{about}");
    let backward = question.by_graphql(server, caller, &selection, "last", "before").await;
    let objects = |Pages { pages, totals }: Pages| (pages.concat(), totals);
    let reversed =
        backward.map(|Pages { pages, totals }| Pages { pages: pages.into_iter().rev().collect(), totals });
    assert_eq!(reversed.map(objects), rest.map(objects), "{about}, read backward");
}

fn without_rest_fields(mut pages: Pages) -> Pages {
    for object in pages.pages.iter_mut().flatten() {
        object.as_object_mut().unwrap().retain(|name, _| !ONLY_REST.contains(&name.as_str()));
    }
    pages
}

impl Question<'_> {
    /// Returns all pages, or the answer of the first one if it is an error.
    async fn by_rest(&self, server: &Server, caller: Caller) -> Result<Pages, Reply> {
        let (mut found, mut cursor) = (Pages::default(), None::<String>);
        loop {
            let mut query = url::form_urlencoded::Serializer::new(String::new());
            query.append_pair("limit", &self.limit.to_string()).append_pair("sort", &self.sort);
            query.append_pair("include", "totalCount");
            for (name, value) in &self.filter {
                query.append_pair(name, value.as_str().unwrap());
            }
            if let Some(cursor) = &cursor {
                query.append_pair("cursor", cursor);
            }
            let path = format!("{}?{}", self.path.replace("{id}", WORKFLOW), query.finish());
            let page = match Reply::of_rest(&caller.get(server, &path).await) {
                Reply::Found(page) => page,
                reply => return Err(reply),
            };
            found.pages.push(page["data"].as_array().unwrap().clone());
            found.totals.insert(page["page"]["totalCount"].as_str().unwrap().to_owned());
            match page["page"]["nextCursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => return Ok(found),
            }
        }
    }

    /// Returns all pages in one direction, or the answer of the first one if it is an error.
    async fn by_graphql(
        &self,
        server: &Server,
        caller: Caller,
        selection: &str,
        size: &str,
        from: &str,
    ) -> Result<Pages, Reply> {
        let (document, path) = self.document(selection, size, from);
        let (mut found, mut cursor) = (Pages::default(), Value::Null);
        loop {
            let variables = json!({
                "id": encode("Workflow", WORKFLOW), "size": self.limit, "cursor": cursor,
                "order": self.order, "filter": self.graphql_filter(),
            });
            let page = match Reply::of_graphql(&caller.query(server, &document, &variables).await, &path) {
                Reply::Found(page) => page,
                reply => return Err(reply),
            };
            let nodes = page["nodes"].as_array().unwrap().iter().cloned();
            found.pages.push(nodes.map(|node| as_rest(&self.node, node)).collect());
            found.totals.insert(page["totalCount"].as_str().unwrap().to_owned());
            let (more, next) = match size {
                "first" => ("hasNextPage", "endCursor"),
                _ => ("hasPreviousPage", "startCursor"),
            };
            if page["pageInfo"][more] == false {
                return Ok(found);
            }
            cursor = page["pageInfo"][next].clone();
        }
    }

    /// Returns the filter with global IDs.
    fn graphql_filter(&self) -> Map<String, Value> {
        let mut filter = self.filter.clone();
        for (name, ty) in [("userId", "User"), ("serviceAccountId", "ServiceAccount")] {
            if let Some(id) = filter.get_mut(name) {
                *id = encode(ty, id.as_str().unwrap()).into();
            }
        }
        filter
    }

    fn document(&self, selection: &str, size: &str, from: &str) -> (String, Vec<&str>) {
        let path: Vec<_> = self.fields.iter().map(|(_, name)| *name).collect();
        let (connection, parents) = path.split_last().unwrap();
        let (has_filter, has_parent) = (!self.filter.is_empty(), !parents.is_empty());
        let filter = if has_filter { ", filter: $filter" } else { "" };
        let page = format!(
            "{connection}({size}: $size, {from}: $cursor, orderBy: $order{filter}) {{
               totalCount nodes {{ {selection} }} pageInfo {{ hasNextPage hasPreviousPage startCursor endCursor }} }}"
        );
        let body =
            parents.iter().rev().fold(page, |inner, parent| format!("{parent}(id: $id) {{ {inner} }}"));
        let mut declared = format!("$size: Int, $cursor: String, $order: {}Order", self.node);
        if has_filter {
            declared.push_str(&format!(", $filter: {}Filter", self.node));
        }
        if has_parent {
            declared.push_str(", $id: ID!");
        }
        (format!("query ({declared}) {{ {body} }}"), path)
    }
}
