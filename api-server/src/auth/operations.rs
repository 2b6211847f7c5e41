//! `operations.yaml`: what each operation asks of the one who calls it. An operation that is not in it, or that
//! it names for nothing, keeps the process from starting.

use std::collections::BTreeMap;

use domain::permission::{Permission, Permissions};
use serde::Deserialize;

const TABLE: &str = include_str!("../../operations.yaml");

/// What an operation asks of its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Nothing, not even a token.
    Public,
    /// A token that holds.
    Authenticated,
    /// A token that holds, and this permission.
    Permitted(Permission),
}

/// The rules of all operations.
#[derive(Clone, Debug)]
pub struct Operations {
    rest: BTreeMap<String, Rule>,
    graphql: BTreeMap<String, Rule>,
}

/// Why the table does not fit the program.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is no table of operations.
    #[error("failed to parse operations.yaml")]
    Parse(#[from] serde_yaml::Error),
    /// A permission that does not exist.
    #[error("failed to find permission {permission} of operation {operation}")]
    Permission {
        /// The operation, as in the table.
        operation: String,
        /// The permission, as in the table.
        permission: String,
    },
    /// Operations that the program has and the table lacks.
    #[error("failed to find in operations.yaml: {}", .0.join(", "))]
    Missing(Vec<String>),
    /// Operations that the table has and the program lacks.
    #[error("failed to find what operations.yaml names: {}", .0.join(", "))]
    Stray(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    rest: BTreeMap<String, String>,
    graphql: BTreeMap<String, String>,
}

impl Operations {
    /// The table that is part of the program.
    ///
    /// # Errors
    /// It does not parse, or names a permission that does not exist.
    pub fn load() -> Result<Self, Error> {
        Self::parse(TABLE)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let Table { rest, graphql } = serde_yaml::from_str(text)?;
        Ok(Self { rest: rules(rest)?, graphql: rules(graphql)? })
    }

    /// The rule of a route, such as `GET` and `/v1/workflows/{id}`.
    #[must_use]
    pub fn rest(&self, method: &str, path: &str) -> Option<Rule> {
        self.rest.get(&format!("{method} {path}")).copied()
    }

    /// The rule of a field of the GraphQL schema, where it has one of its own.
    #[must_use]
    pub fn graphql(&self, parent: &str, field: &str) -> Option<Rule> {
        self.graphql.get(&format!("{parent}.{field}")).copied()
    }

    /// Compares the table with the routes that the program has.
    ///
    /// # Errors
    /// One has an operation that the other lacks.
    pub fn check_rest(&self, routes: &[String]) -> Result<(), Error> {
        check(&self.rest, routes)
    }

    /// Compares the table with the fields that the program's schema has.
    ///
    /// # Errors
    /// One has a field that the other lacks.
    pub fn check_graphql(&self, fields: &[String]) -> Result<(), Error> {
        check(&self.graphql, fields)
    }
}

impl Rule {
    /// Whether a verified caller with these permissions may call the operation.
    #[must_use]
    pub fn allows(self, permissions: Permissions) -> bool {
        match self {
            Self::Public | Self::Authenticated => true,
            Self::Permitted(permission) => permissions.allows(permission),
        }
    }
}

fn rules(table: BTreeMap<String, String>) -> Result<BTreeMap<String, Rule>, Error> {
    table.into_iter().map(|(operation, rule)| Ok((operation.clone(), parse(operation, rule)?))).collect()
}

fn parse(operation: String, rule: String) -> Result<Rule, Error> {
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
    let missing: Vec<_> = operations.iter().filter(|it| !rules.contains_key(*it)).cloned().collect();
    if !missing.is_empty() {
        return Err(Error::Missing(missing));
    }
    let stray: Vec<_> = rules.keys().filter(|it| !operations.contains(it)).cloned().collect();
    if stray.is_empty() { Ok(()) } else { Err(Error::Stray(stray)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "{rest: {GET /v1/me: authenticated}, graphql: {}}";

    /// A new route is open to everyone with a token, because nobody thought of its permission.
    #[test]
    fn a_route_that_is_not_in_the_table_is_named() {
        let operations = Operations::parse(ONE).unwrap();
        let routes = ["GET /v1/me".to_owned(), "DELETE /v1/me".to_owned()];
        let error = operations.check_rest(&routes).unwrap_err();
        assert_eq!(error.to_string(), "failed to find in operations.yaml: DELETE /v1/me");
    }

    /// A rule is thought to guard a route that was renamed.
    #[test]
    fn a_rule_without_a_route_is_named() {
        let error = Operations::parse(ONE).unwrap().check_rest(&[]).unwrap_err();
        assert_eq!(error.to_string(), "failed to find what operations.yaml names: GET /v1/me");
    }

    /// A misspelt permission is one that nobody has, or everybody.
    #[test]
    fn a_permission_that_does_not_exist_is_named() {
        let text = "{rest: {GET /v1/plans: plan.raed}, graphql: {}}";
        let error = Operations::parse(text).unwrap_err();
        assert_eq!(error.to_string(), "failed to find permission plan.raed of operation GET /v1/plans");
    }
}
