//! Holds `operations.yaml` up against every field that is resolved.

use std::sync::Arc;

use async_graphql::{
    Context, ServerError, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};

use super::error;
use crate::auth::{Operations, Principal, Rule};

/// The extension of the schema that asks for permissions.
pub(super) struct Gate(pub(super) Arc<Operations>);

impl ExtensionFactory for Gate {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self(self.0.clone()))
    }
}

#[async_trait]
impl Extension for Gate {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if let Some(rule) = self.0.graphql(info.parent_type, info.name) {
            let position = info.field.name.pos;
            let principal = ctx.data::<Principal>().map_err(|error| error.into_server_error(position))?;
            check(rule, principal).map_err(|error| {
                let mut error: ServerError = error.into_server_error(position);
                error.path = path(&info);
                error
            })?;
        }
        next.run(ctx, info).await
    }
}

fn path(info: &ResolveInfo<'_>) -> Vec<async_graphql::PathSegment> {
    info.path_node
        .to_string_vec()
        .into_iter()
        .map(|segment| match segment.parse() {
            Ok(index) => async_graphql::PathSegment::Index(index),
            Err(_) => async_graphql::PathSegment::Field(segment),
        })
        .collect()
}

/// Asks for the permission of another operation: `node` answers for whatever it finds.
pub(super) fn check_as(ctx: &Context<'_>, field: &str) -> async_graphql::Result<()> {
    match ctx.data::<Arc<Operations>>()?.graphql("Query", field) {
        Some(rule) => check(rule, ctx.data::<Principal>()?),
        None => Err(error::forbidden("nobody may see this")),
    }
}

fn check(rule: Rule, principal: &Principal) -> async_graphql::Result<()> {
    match rule {
        Rule::Permitted(permission) if !rule.allows(principal.permissions) => {
            Err(error::forbidden(&format!("the permission {permission} is needed")))
        }
        Rule::Public | Rule::Authenticated | Rule::Permitted(_) => Ok(()),
    }
}
