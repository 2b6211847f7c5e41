//! Mutations of policies.

use async_graphql::{Context, ID, InputObject, Object, Result};
use domain::policy::PolicySpec;

use super::{
    payload::{deletion, payload},
    runs::parse_key,
};
use crate::{
    app::{
        self,
        policies::{Create, NewPolicy, Patch},
        users::Editor,
    },
    graphql::{
        global_id::Kind,
        objects::{Policy, PolicyCondition, PolicyEffect, ResourceSelector, parsed},
        request::Caller,
    },
    store,
};

/// Mutations of policies.
#[derive(Default)]
pub(super) struct PolicyMutations;

/// Input of `createPolicy`.
#[derive(InputObject)]
pub(super) struct CreatePolicyInput {
    /// Name of the policy, unique in the tenant without regard to case; at most 100 characters.
    name: String,
    /// Description of the policy; at most 1,000 characters. Default: none.
    description: Option<String>,
    /// Effect of the policy.
    effect: PolicyEffect,
    /// Nodes of the permission tree, such as `workflow.run.create`, `workflow.run` or `workflow.*`; `*` is all of them. 1 to 60.
    actions: Vec<String>,
    /// Resources that the policy concerns: those that one of the selectors selects; at most 50. Default: all resources.
    resources: Option<Vec<ResourceSelector>>,
    /// Conditions, which must all be true; at most 10. Default: none.
    conditions: Option<Vec<PolicyCondition>>,
    /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the policy that the first request has
    /// created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for another request fails
    /// with the user error `IDEMPOTENCY_KEY_REUSED`.
    #[graphql(validator(min_length = 1, max_length = 255))]
    idempotency_key: Option<String>,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Input of `updatePolicy`. Absent fields and those that are null stay as they are.
#[derive(InputObject)]
pub(super) struct UpdatePolicyInput {
    /// Global ID of the policy.
    policy_id: ID,
    /// New name; at most 100 characters.
    name: Option<String>,
    /// New description; at most 1,000 characters.
    description: Option<String>,
    /// New effect.
    effect: Option<PolicyEffect>,
    /// All its actions, which replace the earlier ones; 1 to 60.
    actions: Option<Vec<String>>,
    /// All its resources, which replace the earlier ones; at most 50.
    resources: Option<Vec<ResourceSelector>>,
    /// All its conditions, which replace the earlier ones; at most 10.
    conditions: Option<Vec<PolicyCondition>>,
    /// `version` of the policy that the change is based on. If the policy was changed since, the mutation fails with the user error
    /// `PRECONDITION_FAILED`.
    version: i32,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

payload! {
    /// Payload of `createPolicy`.
    CreatePolicyPayload {
        /// The new policy. Null if there are user errors.
        policy: Policy(store::Policy)
    }
}
payload! {
    /// Payload of `updatePolicy`.
    UpdatePolicyPayload {
        /// The changed policy. Null if there are user errors.
        policy: Policy(store::Policy)
    }
}
deletion! {
    /// Input of `deletePolicy`.
    DeletePolicyInput {
        /// Global ID of the policy.
        policy_id
        /// `version` of the policy that the deletion is based on. If the policy was changed since, the mutation fails with the user
        /// error `PRECONDITION_FAILED`. Default: any.
        version: Option<i32>
    }
    /// Payload of `deletePolicy`.
    DeletePolicyPayload {
        /// Global ID of the deleted policy. Null if there are user errors.
        deleted_policy_id
    }
}

/// Selectors and conditions of an input.
#[derive(Default)]
struct Parts {
    resources: Option<Vec<domain::policy::Selector>>,
    conditions: Option<Vec<domain::policy::ConditionSpec>>,
}

/// Returns the selectors and conditions of an input.
///
/// # Errors
/// Returns an error with those that are not valid.
fn parts(
    action: &'static str,
    resources: Option<Vec<ResourceSelector>>,
    conditions: Option<Vec<PolicyCondition>>,
) -> Result<Parts, app::Error> {
    let resources = resources.map(|parts| parsed("/resources", parts)).transpose();
    let conditions = conditions.map(|parts| parsed("/conditions", parts)).transpose();
    match (resources, conditions) {
        (Ok(resources), Ok(conditions)) => Ok(Parts { resources, conditions }),
        (resources, conditions) => {
            let violations = [resources.err(), conditions.err()].into_iter().flatten().flatten().collect();
            Err(app::Error::InvalidRule { action, violations })
        }
    }
}

/// Mutations of policies.
#[Object]
impl PolicyMutations {
    /// Creates a policy of the tenant, which has no effect until a role has it. It may allow only what the caller may do itself for all
    /// resources. Requires the permission `policy.create`.
    ///
    /// User errors: `FORBIDDEN` if the policy would allow more than the caller may do, `ALREADY_EXISTS`, `CONFLICT` if the tenant has
    /// 1,000 policies, `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`; if the policy is not valid, the codes of its errors with their fields.
    async fn create_policy(
        &self,
        ctx: &Context<'_>,
        input: CreatePolicyInput,
    ) -> Result<CreatePolicyPayload> {
        let CreatePolicyInput {
            name,
            description,
            effect,
            actions,
            resources,
            conditions,
            idempotency_key,
            client_mutation_id,
        } = input;
        let caller = Caller::from_context(ctx)?;
        let Editor { scope, permissions } = caller.editor()?;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let requested_by = caller.principal.email.clone();
        let created = match parts("create the policy", resources, conditions) {
            Ok(Parts { resources, conditions }) => {
                let (resources, conditions) = (resources.unwrap_or_default(), conditions.unwrap_or_default());
                let spec = PolicySpec { effect: effect.into(), actions, resources, conditions };
                let policy = NewPolicy { name, description: description.unwrap_or_default(), spec };
                let create = Create { policy, requested_by, key };
                Box::pin(app::policies::create(caller.app, scope, permissions, create)).await
            }
            Err(error) => Err(error),
        };
        CreatePolicyPayload::new(created.map(|(policy, _)| policy), client_mutation_id)
    }

    /// Changes a policy of the tenant, for all roles with it, within 5 seconds. It may allow only what the caller may do itself for all
    /// resources; a denial can be changed only by a caller who may do what it denies. Requires the permission `policy.update`.
    ///
    /// User errors: `FORBIDDEN` if the caller would grant more than it may do, `NOT_FOUND`, `ALREADY_EXISTS`, `PRECONDITION_FAILED`,
    /// `TENANT_SUSPENDED`; if the change is not valid, the codes of its errors with their fields.
    async fn update_policy(
        &self,
        ctx: &Context<'_>,
        input: UpdatePolicyInput,
    ) -> Result<UpdatePolicyPayload> {
        let UpdatePolicyInput {
            policy_id,
            name,
            description,
            effect,
            actions,
            resources,
            conditions,
            version,
            client_mutation_id,
        } = input;
        let caller = Caller::from_context(ctx)?;
        let Editor { scope, permissions } = caller.editor()?;
        let parts = parts("change the policy", resources, conditions);
        let id = Kind::Policy.decode(&policy_id).ok_or(app::Error::NotFound);
        let result = match id.and_then(|id| Ok((id, parts?))) {
            Ok((id, Parts { resources, conditions })) => {
                let effect = effect.map(Into::into);
                let patch = Patch { name, description, effect, actions, resources, conditions };
                let version = Some(version.into());
                Box::pin(app::policies::update(caller.app, scope, permissions, id, version, patch)).await
            }
            Err(error) => Err(error),
        };
        UpdatePolicyPayload::new(result, client_mutation_id)
    }

    /// Deletes a policy of the tenant that no role has. Requires the permission `policy.delete`.
    ///
    /// User errors: `NOT_FOUND`, `CONFLICT` if a role has it, `PRECONDITION_FAILED`, `TENANT_SUSPENDED`.
    async fn delete_policy(
        &self,
        ctx: &Context<'_>,
        input: DeletePolicyInput,
    ) -> Result<DeletePolicyPayload> {
        let DeletePolicyInput { policy_id, version, client_mutation_id } = input;
        let caller = Caller::from_context(ctx)?;
        let scope = caller.tenant()?.scope;
        let version = version.map(i64::from);
        let result = match Kind::Policy.decode(&policy_id) {
            Some(id) => Box::pin(app::policies::delete(caller.app, scope, id, version)).await,
            None => Err(app::Error::NotFound),
        };
        DeletePolicyPayload::new(result, policy_id, client_mutation_id)
    }
}
