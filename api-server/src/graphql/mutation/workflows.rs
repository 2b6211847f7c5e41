//! Mutations of workflows.

use std::mem::take;

use async_graphql::{Context, ID, InputObject, Json, MaybeUndefined, Object, Result, SimpleObject};
use serde_json::{Map, Value};

use super::{
    fields::{json, present, text},
    runs::parse_key,
};
use crate::{
    app::{
        self, Reservation,
        idempotency::{Claim, KeyedAction},
        workflows::{Create, Definition, Patch, Update, WorkflowDetails},
    },
    auth::TenantScope,
    graphql::{
        error::{UserError, user_errors},
        global_id::Kind,
        objects::Workflow,
        request::Caller,
    },
    store,
};

/// Mutations of workflows.
#[derive(Default)]
pub(super) struct WorkflowMutations;

/// Defines an input with all fields of the definition of a workflow.
macro_rules! definition {
    ($(#[$doc:meta])* $input:ident { $($(#[$own_doc:meta])* $own:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(InputObject)]
        pub(super) struct $input {
            $($(#[$own_doc])* $own: $type,)*
            /// Human-readable name of the workflow; at most 120 characters. Default: the name.
            display_name: MaybeUndefined<String>,
            /// Purpose of the workflow; at most 2,000 characters. Default: none.
            description: MaybeUndefined<String>,
            /// Input of the runs: `{schema}` with a JSON Schema. Default: any object is valid.
            input: MaybeUndefined<Json<Value>>,
            /// Secrets that steps may use: a list of `{name, secretRef}`. Default: none.
            secrets: MaybeUndefined<Json<Value>>,
            /// List of the steps; 1 to 64. A new workflow requires them.
            steps: MaybeUndefined<Json<Value>>,
            /// Output of the run. Strings are templates. Default: the outputs of the steps that no other step needs.
            output: MaybeUndefined<Json<Value>>,
            /// Steps that run after all other steps, whether or not those succeeded; at most 16. Default: none.
            on_exit: MaybeUndefined<Json<Value>>,
            /// Maximum duration of a run, such as `5m`. Default: 1h.
            timeout: MaybeUndefined<String>,
            /// Limit on concurrent runs: `{key, limit, policy}`. Default: only the plan's limit.
            concurrency: MaybeUndefined<Json<Value>>,
            /// Schedules that start runs; at most 16. Default: none.
            schedules: MaybeUndefined<Json<Value>>,
            /// Settings for the runners: `{warm, keepAlive, isolation}`. Default: no idle runners, and runs share runners.
            runners: MaybeUndefined<Json<Value>>,
            /// Time that finished runs stay in the cluster: `{succeeded, failed, keep}`. Default: 1h, 24h and 100.
            retention: MaybeUndefined<Json<Value>>,
            /// Value that the payload returns unchanged, to match it with this input.
            client_mutation_id: Option<String>,
        }

        impl $input {
            /// Takes the fields that are present, by the names that they have in Kubernetes.
            fn take_fields(&mut self) -> Map<String, Value> {
                present([
                    ("displayName", text(take(&mut self.display_name))),
                    ("description", text(take(&mut self.description))),
                    ("input", json(take(&mut self.input))),
                    ("secrets", json(take(&mut self.secrets))),
                    ("steps", json(take(&mut self.steps))),
                    ("output", json(take(&mut self.output))),
                    ("onExit", json(take(&mut self.on_exit))),
                    ("timeout", text(take(&mut self.timeout))),
                    ("concurrency", json(take(&mut self.concurrency))),
                    ("schedules", json(take(&mut self.schedules))),
                    ("runners", json(take(&mut self.runners))),
                    ("retention", json(take(&mut self.retention))),
                ])
            }
        }
    };
}

definition! {
    /// Input of `createWorkflow`. The fields of the definition are those of the `spec` of a Workflow in Kubernetes.
    CreateWorkflowInput {
        /// Name of the workflow in Kubernetes: 1 to 40 lower-case letters, digits, hyphens and dots. It cannot be changed.
        name: String,
        /// Idempotency key, 1 to 255 bytes, valid for 24 hours. A retry with the same key returns the workflow that the first
        /// request has created, also if that request was sent by REST with the header `Idempotency-Key`. Using the key for
        /// another workflow fails with the user error `IDEMPOTENCY_KEY_REUSED`.
        #[graphql(validator(min_length = 1, max_length = 255))]
        idempotency_key: Option<String>,
    }
}

definition! {
    /// Input of `updateWorkflow`. Absent fields stay, null removes a field, objects are merged, and lists are replaced as a whole.
    UpdateWorkflowInput {
        /// ID of the workflow.
        workflow_id: ID,
        /// `generation` of the workflow that the change is based on. If the definition was changed since, the mutation fails with
        /// the user error `PRECONDITION_FAILED`.
        generation: i32,
    }
}

/// Payload of `createWorkflow`.
#[derive(SimpleObject)]
pub(super) struct CreateWorkflowPayload {
    /// The new workflow. Null if there are user errors.
    workflow: Option<Workflow>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Payload of `updateWorkflow`.
#[derive(SimpleObject)]
pub(super) struct UpdateWorkflowPayload {
    /// The changed workflow. Null if there are user errors.
    workflow: Option<Workflow>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `archiveWorkflow`.
#[derive(InputObject)]
pub(super) struct ArchiveWorkflowInput {
    /// ID of the workflow.
    workflow_id: ID,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `archiveWorkflow`.
#[derive(SimpleObject)]
pub(super) struct ArchiveWorkflowPayload {
    /// The archived workflow. Null if there are user errors.
    workflow: Option<Workflow>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Input of `unarchiveWorkflow`.
#[derive(InputObject)]
pub(super) struct UnarchiveWorkflowInput {
    /// ID of the workflow.
    workflow_id: ID,
    /// Value that the payload returns unchanged, to match it with this input.
    client_mutation_id: Option<String>,
}

/// Payload of `unarchiveWorkflow`.
#[derive(SimpleObject)]
pub(super) struct UnarchiveWorkflowPayload {
    /// The active workflow. Null if there are user errors.
    workflow: Option<Workflow>,
    /// Errors that the caller can fix. Empty if the mutation succeeded.
    user_errors: Vec<UserError>,
    /// `clientMutationId` of the input.
    client_mutation_id: Option<String>,
}

/// Mutations of workflows.
#[Object]
impl WorkflowMutations {
    /// Creates a workflow, after validating it as the operator does. Requires the permission `workflow.create`.
    ///
    /// User errors: `ALREADY_EXISTS`, `PLAN_LIMIT_REACHED`, `TENANT_SUSPENDED`, `IDEMPOTENCY_KEY_REUSED`,
    /// `IDEMPOTENCY_IN_FLIGHT`; if the definition is not valid, the codes of its problems with their fields.
    async fn create_workflow(
        &self,
        ctx: &Context<'_>,
        mut input: CreateWorkflowInput,
    ) -> Result<CreateWorkflowPayload> {
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let definition = Definition::new(&input.take_fields());
        let CreateWorkflowInput { name, idempotency_key, client_mutation_id, .. } = input;
        let key = idempotency_key.as_deref().map(parse_key).transpose()?;
        let create = Create { name, definition, requested_by: caller.principal.email.clone(), key };
        let (workflow, user_errors) = match Box::pin(create_once(&caller, tenant.scope, create)).await {
            Ok(workflow) => (Some(Workflow(workflow)), Vec::new()),
            Err(error) => (None, user_errors(error)?),
        };
        Ok(CreateWorkflowPayload { workflow, user_errors, client_mutation_id })
    }

    /// Changes the definition of a workflow. Fields that another tool manages, such as Argo CD or kubectl, cannot be changed.
    /// Requires the permission `workflow.update`.
    ///
    /// User errors: `NOT_FOUND`, `PRECONDITION_FAILED`, `MANAGED_BY_GITOPS`, `TENANT_SUSPENDED`; if the definition is not valid,
    /// the codes of its problems with their fields.
    async fn update_workflow(
        &self,
        ctx: &Context<'_>,
        mut input: UpdateWorkflowInput,
    ) -> Result<UpdateWorkflowPayload> {
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let patch = Patch::new(input.take_fields());
        let UpdateWorkflowInput { workflow_id, generation, client_mutation_id, .. } = input;
        let result = match Kind::Workflow.decode(&workflow_id) {
            Some(id) => {
                let update = Update { id, generation: Some(generation.into()), patch };
                Box::pin(app::workflows::update(caller.app, tenant.scope, update)).await
            }
            None => Err(app::Error::NotFound),
        };
        let (workflow, user_errors) = workflow_or_user_errors(result)?;
        Ok(UpdateWorkflowPayload { workflow, user_errors, client_mutation_id })
    }

    /// Archives a workflow, so that no further run of it starts. The call is idempotent. Requires the permission
    /// `workflow.archive`.
    ///
    /// User errors: `NOT_FOUND`, `MANAGED_BY_GITOPS`, `TENANT_SUSPENDED`.
    async fn archive_workflow(
        &self,
        ctx: &Context<'_>,
        input: ArchiveWorkflowInput,
    ) -> Result<ArchiveWorkflowPayload> {
        let ArchiveWorkflowInput { workflow_id, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let result = match Kind::Workflow.decode(&workflow_id) {
            Some(id) => Box::pin(app::workflows::archive(caller.app, tenant.scope, id)).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow, user_errors) = workflow_or_user_errors(result)?;
        Ok(ArchiveWorkflowPayload { workflow, user_errors, client_mutation_id })
    }

    /// Makes an archived workflow active again. The call is idempotent. Requires the permission `workflow.archive`.
    ///
    /// User errors: `NOT_FOUND`, `MANAGED_BY_GITOPS`, `TENANT_SUSPENDED`.
    async fn unarchive_workflow(
        &self,
        ctx: &Context<'_>,
        input: UnarchiveWorkflowInput,
    ) -> Result<UnarchiveWorkflowPayload> {
        let UnarchiveWorkflowInput { workflow_id, client_mutation_id } = input;
        let (caller, tenant) = (Caller::from_context(ctx)?, Caller::from_context(ctx)?.tenant()?);
        let result = match Kind::Workflow.decode(&workflow_id) {
            Some(id) => Box::pin(app::workflows::unarchive(caller.app, tenant.scope, id)).await,
            None => Err(app::Error::NotFound),
        };
        let (workflow, user_errors) = workflow_or_user_errors(result)?;
        Ok(UnarchiveWorkflowPayload { workflow, user_errors, client_mutation_id })
    }
}

/// Creates a workflow unless an earlier request with the same key has created it, and returns its current state.
async fn create_once(
    caller: &Caller<'_>,
    scope: TenantScope,
    create: Create,
) -> Result<store::Workflow, app::Error> {
    let Create { name, definition, requested_by, key } = &create;
    let claim =
        Claim::new(scope, requested_by, key.clone(), &KeyedAction::CreateWorkflow { name, definition });
    let (id, _) = claim.run(caller.app, app::workflows::create(caller.app, scope, create)).await?;
    app::workflows::get(caller.app, scope, id).await
}

/// Converts the result of a change. The fields of the payload read the content of the workflow by themselves.
fn workflow_or_user_errors(
    result: Result<(WorkflowDetails, Reservation), app::Error>,
) -> Result<(Option<Workflow>, Vec<UserError>)> {
    match result {
        Ok((details, _)) => Ok((Some(Workflow(details.workflow)), Vec::new())),
        Err(error) => Ok((None, user_errors(error)?)),
    }
}
