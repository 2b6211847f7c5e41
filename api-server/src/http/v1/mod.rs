//! The REST API under `/v1`, with one file per endpoint.

#![allow(unused_qualifications, reason = "utoipa generates code with fully qualified paths")]

mod json;
mod me;
mod plans;
mod tenant;
mod tenants;
mod time;
mod workflow_runs;
mod workflows;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::HttpState;

pub(in crate::http) fn routes() -> OpenApiRouter<HttpState> {
    OpenApiRouter::new()
        .routes(routes!(me::get::get_me))
        .routes(routes!(me::permissions::get_my_permissions))
        .routes(routes!(tenant::get::get_own_tenant))
        .routes(routes!(tenants::list::list_tenants))
        .routes(routes!(tenants::get::get_tenant))
        .routes(routes!(plans::list::list_plans))
        .routes(routes!(workflows::list::list_workflows))
        .routes(routes!(workflows::get::get_workflow))
        .routes(routes!(workflows::runs::list::list_runs_of_workflow, workflows::runs::start::start_run))
        .routes(routes!(workflow_runs::list::list_runs))
        .routes(routes!(workflow_runs::get::get_run))
        .routes(routes!(workflow_runs::steps::list_steps))
        .routes(routes!(workflow_runs::cancel::cancel_run))
        .routes(routes!(workflow_runs::decide::decide_run))
        .routes(routes!(workflow_runs::rerun::rerun_run))
        .routes(routes!(workflow_runs::output::get_run_output))
        .routes(routes!(workflow_runs::output::get_step_output))
        .routes(routes!(workflow_runs::logs::get::get_run_logs))
}
