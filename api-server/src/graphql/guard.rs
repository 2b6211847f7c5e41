//! Permission checks of fields, by the rules of `operations.yaml`.

use std::sync::Arc;

use async_graphql::{
    Context, ServerResult, Value,
    async_trait::async_trait,
    extensions::{Extension, ExtensionContext, ExtensionFactory, NextResolve, ResolveInfo},
};

use super::error;
use crate::{
    app::{
        App,
        audit::{self, Ending},
    },
    auth::{Operations, Principal, Rule},
    problem::{Code, Problem},
};

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
        match self.0.graphql_rule(info.parent_type, info.name) {
            // The future of the other case is large, and that of a field is allocated for each field of a response.
            Some(rule) => Box::pin(resolve_operation(rule, ctx, info, next)).await,
            None => next.run(ctx, info).await,
        }
    }
}

async fn resolve_operation(
    rule: Rule,
    ctx: &ExtensionContext<'_>,
    info: ResolveInfo<'_>,
    next: NextResolve<'_>,
) -> ServerResult<Option<Value>> {
    let (path_node, field) = (info.path_node, info.field);
    let in_field = |error: async_graphql::Error| error::at_field(error, path_node, field);
    let (app, principal) = (ctx.data::<App>().map_err(in_field)?, ctx.data::<Principal>().map_err(in_field)?);
    let name = || format!("{}.{}", info.parent_type, info.name);
    if info.parent_type != "Mutation" {
        if let Err(error) = check(rule, principal) {
            audit::record_refused_read(app, principal, &name(), rule).await;
            return Err(in_field(error));
        }
        return next.run(ctx, info).await;
    }
    let name = name();
    let operation = audit::operation_of(app, principal, &name, rule);
    let work = async {
        check(rule, principal).map_err(in_field)?;
        next.run(ctx, info).await
    };
    let result = audit::audited(operation, work, ending).await;
    result.map_err(|error| in_field(error::from_app(error.into())))?
}

/// Returns how a mutation ended. The use case has recorded whether the payload has user errors.
fn ending(result: &ServerResult<Option<Value>>) -> Ending {
    let Err(error) = result else { return Ending::Succeeded };
    let code = error.extensions.as_ref().and_then(|extensions| extensions.get("code"));
    let code = match code {
        Some(Value::String(code)) => {
            Code::ALL.iter().copied().find(|known| known.as_str().eq_ignore_ascii_case(code))
        }
        _ => None,
    };
    // Errors without a code concern the arguments.
    let code = code.unwrap_or(Code::Invalid);
    Problem::new(code).ending()
}

/// Checks the permission of another field of `Query`. Fields that find objects of
/// several types use it for the type of the object.
///
/// # Errors
/// Returns an error if the caller lacks the permission.
pub(super) fn check_field(ctx: &Context<'_>, field: &str) -> async_graphql::Result<()> {
    match ctx.data::<Arc<Operations>>()?.graphql_rule("Query", field) {
        Some(rule) => check(rule, ctx.data::<Principal>()?),
        None => Err(error::forbidden("no permission grants access to this type")),
    }
}

/// Returns whether the caller has the permission of another field of `Query`.
///
/// # Errors
/// Returns an error if the context has no caller.
pub(super) fn may_resolve(ctx: &Context<'_>, field: &str) -> async_graphql::Result<bool> {
    let (rule, principal) =
        (ctx.data::<Arc<Operations>>()?.graphql_rule("Query", field), ctx.data::<Principal>()?);
    Ok(rule.is_some_and(|rule| rule.allows(principal.permissions)))
}

fn check(rule: Rule, principal: &Principal) -> async_graphql::Result<()> {
    match rule {
        Rule::Permitted(permission) if !rule.allows(principal.permissions) => {
            Err(error::forbidden(&format!("permission {permission} required")))
        }
        Rule::Public | Rule::Authenticated | Rule::Permitted(_) => Ok(()),
    }
}
