//! The permission that each operation requires, from `operations.yaml`. The process does not start if an operation is
//! missing there, or if an entry matches no operation.

use std::collections::{BTreeMap, HashMap};

use domain::permission::{Permission, Permissions};
use serde::Deserialize;

/// `operations.yaml`, which the build script has converted to JSON.
const TABLE: &str = include_str!(concat!(env!("OUT_DIR"), "/operations.json"));

/// Requirement of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Anyone may call the operation, without a token.
    Public,
    /// Anyone with a valid token may call the operation.
    Authenticated,
    /// Only callers with this permission may call the operation.
    Permitted(Permission),
}

/// Rules of all operations.
#[derive(Clone, Debug)]
pub struct Operations {
    rest: BTreeMap<String, Rule>,
    graphql: BTreeMap<String, Rule>,
    /// The rules of `graphql` by type and field: every field of every object in a response is looked up.
    fields: HashMap<String, HashMap<String, Rule>>,
}

/// Error in `operations.yaml`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The table cannot be parsed.
    #[error("failed to parse operations.yaml")]
    Parse(#[from] serde_json::Error),
    /// An entry names a permission that does not exist.
    #[error("failed to find permission {permission} of operation {operation}")]
    Permission {
        /// Operation of the entry.
        operation: String,
        /// Permission of the entry.
        permission: String,
    },
    /// Operations have no entry.
    #[error("failed to find in operations.yaml: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Entries match no operation.
    #[error("failed to find the operations of these entries in operations.yaml: {}", .0.join(", "))]
    Unmatched(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rest: BTreeMap<String, String>,
    graphql: BTreeMap<String, String>,
}

impl Operations {
    /// Loads the table that is embedded in the program.
    ///
    /// # Errors
    /// Returns an error if the table cannot be parsed or names a permission that does not exist.
    pub fn load() -> Result<Self, Error> {
        Self::parse(TABLE)
    }

    fn parse(json: &str) -> Result<Self, Error> {
        let Table { rest, graphql } = serde_json::from_str(json)?;
        Ok(Self::new(parse_rules(rest)?, parse_rules(graphql)?))
    }

    fn new(rest: BTreeMap<String, Rule>, graphql: BTreeMap<String, Rule>) -> Self {
        let mut fields = HashMap::<_, HashMap<_, _>>::new();
        for (name, rule) in &graphql {
            let (parent, field) = name.split_once('.').unwrap_or((name, ""));
            fields.entry(parent.to_owned()).or_default().insert(field.to_owned(), *rule);
        }
        Self { rest, graphql, fields }
    }

    /// Returns the rules with another one for an operation.
    #[cfg(test)]
    pub(crate) fn with(mut self, operation: &str, rule: Rule) -> Self {
        for rules in [&mut self.rest, &mut self.graphql] {
            if let Some(found) = rules.get_mut(operation) {
                *found = rule;
            }
        }
        Self::new(self.rest, self.graphql)
    }

    /// Returns the names of all operations with their rules: those of REST first, each in alphabetical order.
    #[must_use]
    pub fn all(self) -> Vec<(String, Rule)> {
        self.rest.into_iter().chain(self.graphql).collect()
    }

    /// Returns the rule of a route, such as `GET /v1/workflows/{id}`.
    #[must_use]
    pub fn rest_rule(&self, operation: &str) -> Option<Rule> {
        self.rest.get(operation).copied()
    }

    /// Returns the rule of a GraphQL field; `None` if the field is not an operation.
    #[must_use]
    pub fn graphql_rule(&self, parent: &str, field: &str) -> Option<Rule> {
        self.fields.get(parent)?.get(field).copied()
    }

    /// Checks that the table and the routes match.
    ///
    /// # Errors
    /// Returns an error if a route has no entry or an entry matches no route.
    pub fn check_rest(&self, routes: &[String]) -> Result<(), Error> {
        check(&self.rest, routes)
    }

    /// Checks that the table and the operations of the GraphQL schema match.
    ///
    /// # Errors
    /// Returns an error if a field has no entry or an entry matches no field.
    pub fn check_graphql(&self, fields: &[String]) -> Result<(), Error> {
        check(&self.graphql, fields)
    }
}

impl Rule {
    /// Returns whether an authenticated caller with these permissions may call the operation.
    #[must_use]
    pub fn allows(self, permissions: Permissions) -> bool {
        match self {
            Self::Public | Self::Authenticated => true,
            Self::Permitted(permission) => permissions.allows(permission),
        }
    }
}

fn parse_rules(table: BTreeMap<String, String>) -> Result<BTreeMap<String, Rule>, Error> {
    table.into_iter().map(|(operation, rule)| Ok((operation.clone(), parse_rule(operation, rule)?))).collect()
}

fn parse_rule(operation: String, rule: String) -> Result<Rule, Error> {
    match rule.as_str() {
        "public" => Ok(Rule::Public),
        "authenticated" => Ok(Rule::Authenticated),
        name => match Permission::all().find(|permission| permission.name() == name) {
            Some(permission) => Ok(Rule::Permitted(permission)),
            None => Err(Error::Permission { operation, permission: rule }),
        },
    }
}

fn check(rules: &BTreeMap<String, Rule>, operations: &[String]) -> Result<(), Error> {
    let missing: Vec<_> =
        operations.iter().filter(|operation| !rules.contains_key(*operation)).cloned().collect();
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let unmatched: Vec<_> = rules.keys().filter(|entry| !operations.contains(entry)).cloned().collect();
    if unmatched.is_empty() { Ok(()) } else { Err(Error::Unmatched(unmatched)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE_ROUTE: &str = r#"{"rest": {"GET /v1/me": "authenticated"}, "graphql": {}}"#;

    /// The embedded table is valid.
    #[test]
    fn the_embedded_table_loads() {
        let operations = Operations::load().unwrap();
        assert_eq!(operations.rest_rule("GET /v1/me"), Some(Rule::Authenticated));
    }

    /// Every route has a deliberately chosen permission.
    #[test]
    fn a_route_without_an_entry_is_reported() {
        let operations = Operations::parse(ONE_ROUTE).unwrap();
        let routes = ["GET /v1/me".to_owned(), "DELETE /v1/me".to_owned()];
        let error = operations.check_rest(&routes).unwrap_err();
        assert_eq!(error.to_string(), "failed to find in operations.yaml: DELETE /v1/me");
    }

    /// Every rule protects a route that exists.
    #[test]
    fn an_entry_without_a_route_is_reported() {
        let error = Operations::parse(ONE_ROUTE).unwrap().check_rest(&[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to find the operations of these entries in operations.yaml: GET /v1/me"
        );
    }

    /// Every rule names a permission that exists.
    #[test]
    fn an_unknown_permission_is_reported() {
        let text = r#"{"rest": {"GET /v1/plans": "plan.raed"}, "graphql": {}}"#;
        let error = Operations::parse(text).unwrap_err();
        assert_eq!(error.to_string(), "failed to find permission plan.raed of operation GET /v1/plans");
    }
}
