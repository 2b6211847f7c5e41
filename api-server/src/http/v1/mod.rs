//! The REST API under `/v1`, with one file per endpoint.

#![allow(unused_qualifications, reason = "utoipa generates code with fully qualified paths")]

mod api_keys;
mod audit_events;
mod authorization;
mod documents;
mod events;
mod invitations;
mod json;
mod me;
mod permissions;
mod plans;
mod policies;
mod roles;
mod searches;
mod service_accounts;
mod tenant;
mod tenants;
mod time;
mod usage;
mod users;
mod workflow_runs;
mod workflows;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::HttpState;

pub(in crate::http) fn routes() -> OpenApiRouter<HttpState> {
    tenants().merge(workflows()).merge(documents()).merge(rights()).merge(people())
}

fn tenants() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(me::get::get_me))
        .routes(routes!(me::permissions::get_my_permissions))
        .routes(routes!(tenant::get::get_own_tenant, tenant::update::update_own_tenant))
        .routes(routes!(tenants::list::list_tenants, tenants::create::create_tenant))
        .routes(routes!(tenants::get::get_tenant, tenants::update::update_tenant))
        .routes(routes!(tenants::state::suspend_tenant, tenants::state::resume_tenant))
        .routes(routes!(tenants::state::archive_tenant, tenants::state::restore_tenant))
        .routes(routes!(plans::list::list_plans))
        .routes(routes!(usage::get::get_usage))
        .routes(routes!(events::list::list_events))
        .routes(routes!(audit_events::list::list_audit_events))
        .routes(routes!(audit_events::list::list_platform_audit_events))
}

fn workflows() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(workflows::list::list_workflows, workflows::create::create_workflow))
        .routes(routes!(workflows::get::get_workflow, workflows::update::update_workflow))
        .routes(routes!(workflows::revisions::list::list_revisions))
        .routes(routes!(workflows::revisions::get::get_revision))
        .routes(routes!(workflows::archive::archive_workflow, workflows::archive::unarchive_workflow))
        .routes(routes!(workflows::runs::list::list_runs_of_workflow, workflows::runs::start::start_run))
        .routes(routes!(workflow_runs::list::list_runs))
        .routes(routes!(workflow_runs::get::get_run, workflow_runs::delete::delete_run))
        .routes(routes!(workflow_runs::bulk::cancel::cancel_runs))
        .routes(routes!(workflow_runs::bulk::rerun::rerun_runs))
        .routes(routes!(workflow_runs::bulk::delete::delete_runs))
        .routes(routes!(workflow_runs::steps::list_steps))
        .routes(routes!(workflow_runs::events::list_run_events))
        .routes(routes!(workflow_runs::cancel::cancel_run))
        .routes(routes!(workflow_runs::decide::decide_run))
        .routes(routes!(workflow_runs::rerun::rerun_run))
        .routes(routes!(workflow_runs::output::get_run_output))
        .routes(routes!(workflow_runs::output::get_step_output))
        .routes(routes!(workflow_runs::logs::get::get_run_logs))
}

fn documents() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(documents::list::list_documents, documents::create::create_document))
        .routes(routes!(
            documents::get::get_document,
            documents::update::update_document,
            documents::delete::delete_document
        ))
        .routes(routes!(documents::content::get_document_content, documents::content::put_document_content))
        .routes(routes!(documents::processing::process_document))
        .routes(routes!(documents::chunks::list_chunks))
        .routes(routes!(searches::create::create_search))
}

fn rights() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(roles::list::list_roles, roles::create::create_role))
        .routes(routes!(roles::get::get_role, roles::update::update_role, roles::delete::delete_role))
        .routes(routes!(policies::list::list_policies, policies::create::create_policy))
        .routes(routes!(
            policies::get::get_policy,
            policies::update::update_policy,
            policies::delete::delete_policy
        ))
        .routes(routes!(permissions::list::list_permissions))
        .routes(routes!(authorization::checks::check_authorization))
        .routes(routes!(authorization::explanations::explain_authorization))
        .routes(routes!(authorization::simulations::simulate_policy))
}

fn people() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(users::list::list_users, users::create::create_user))
        .routes(routes!(users::get::get_user, users::update::update_user, users::delete::delete_user))
        .routes(routes!(users::deactivation::deactivate_user, users::deactivation::reactivate_user))
        .routes(routes!(
            users::picture::get_user_picture,
            users::picture::upload_user_picture,
            users::picture::delete_user_picture
        ))
        .routes(routes!(users::roles::assign_role, users::roles::remove_role))
        .routes(routes!(invitations::list::list_invitations, invitations::create::create_invitation))
        .routes(routes!(invitations::get::get_invitation, invitations::delete::revoke_invitation))
        .routes(routes!(api_keys::list::list_api_keys, api_keys::create::create_api_key))
        .routes(routes!(api_keys::get::get_api_key, api_keys::delete::revoke_api_key))
        .routes(routes!(api_keys::rotate::rotate_api_key))
        .routes(routes!(
            service_accounts::list::list_service_accounts,
            service_accounts::create::create_service_account
        ))
        .routes(routes!(
            service_accounts::get::get_service_account,
            service_accounts::delete::delete_service_account
        ))
}
