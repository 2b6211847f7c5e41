//! Permission checks of fields, by the rules of `operations.yaml`.

use std::sync::Arc;

use async_graphql::{
    Context, ServerError, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};

use super::error;
use crate::auth::{Operations, Principal, Rule};

/// Extension of the schema that checks the caller's permissions before a field is resolved.
pub(super) struct PermissionGuard(pub(super) Arc<Operations>);

impl ExtensionFactory for PermissionGuard {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self(self.0.clone()))
    }
}

#[async_trait]
impl Extension for PermissionGuard {
    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if let Some(rule) = self.0.graphql_rule(info.parent_type, info.name) {
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

/// Checks the permission of another field of `Query`. `node` uses it for the type of the object that it finds.
///
/// # Errors
/// Returns an error if the caller lacks the permission.
pub(super) fn check_field(ctx: &Context<'_>, field: &str) -> async_graphql::Result<()> {
    match ctx.data::<Arc<Operations>>()?.graphql_rule("Query", field) {
        Some(rule) => check(rule, ctx.data::<Principal>()?),
        None => Err(error::forbidden("no permission grants access to this type")),
    }
}

fn check(rule: Rule, principal: &Principal) -> async_graphql::Result<()> {
    match rule {
        Rule::Permitted(permission) if !rule.allows(principal.permissions) => {
            Err(error::forbidden(&format!("permission {permission} required")))
        }
        Rule::Public | Rule::Authenticated | Rule::Permitted(_) => Ok(()),
    }
}
