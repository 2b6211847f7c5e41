//! What authorization adds to a request in the process: the rights of a known principal, and the decision about one workflow.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::ensure;
use api_server::auth::{Principal, Rule, apply_roles, authenticate};
use domain::{
    permission::Permission,
    policy::{Resource, Workflow},
};
use http::{HeaderMap, header};
use telemetry::clock;
use tests::api_router::ApiRouter;

use super::tenant::SLUG;

/// Number of decisions. The roles are cached for two seconds, as in production.
const DECISIONS: usize = 20_000;
const PERMISSION: Permission = Permission::WORKFLOW_READ;

/// Returns how long the decisions about the requests of a principal with this role take.
///
/// # Errors
/// Returns an error if the principal lacks the permission.
pub(crate) async fn measure(router: &ApiRouter, role: &str) -> anyhow::Result<Vec<Duration>> {
    let token = router.issuer.token_with_roles(SLUG, &[role])?;
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse()?)]);
    let known = authenticate(&router.verifier, &router.db, &headers, || Ok(())).await?;
    let labels = [("team", "team-0"), ("region", "north")];
    let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let workflow =
        Workflow { name: "workflow-1".to_owned(), labels: Some(BTreeMap::from(labels)), owner: None };
    let mut times = Vec::with_capacity(DECISIONS);
    for _ in 0..DECISIONS {
        let mut principal = known.clone();
        let started = Instant::now();
        apply_roles(&router.verifier, &router.db, &mut principal, clock::now())
            .await
            .map_err(anyhow::Error::from_boxed)?;
        let allowed = allows(&principal, &workflow);
        // The rights end with the request.
        drop(principal.tenant.take());
        times.push(started.elapsed());
        ensure!(allowed, "role {role} lacks {PERMISSION}");
    }
    Ok(times)
}

/// Returns whether a principal may read a workflow.
fn allows(principal: &Principal, workflow: &Workflow) -> bool {
    let rights = principal.tenant.as_ref().and_then(|tenant| tenant.rights.as_ref());
    let of_resource = rights.filter(|rights| rights.restricts(PERMISSION)).is_none_or(|rights| {
        rights.grants().allows(PERMISSION, rights.request(), Resource::Workflow(workflow))
    });
    Rule::Permitted(PERMISSION).allows(principal.permissions) && of_resource
}
