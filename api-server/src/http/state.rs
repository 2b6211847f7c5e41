//! State of the routers.

use std::sync::Arc;

use axum::extract::FromRef;

use super::Metrics;
use crate::{
    app::App,
    auth::{LoginClient, Runners, Verifier},
    db::AppPool,
    graphql::TrustedDocuments,
};

/// State shared by all requests of both routers. Clones are cheap; handlers extract the part that they need.
#[derive(Clone, FromRef)]
pub struct HttpState {
    /// Dependencies of the use cases.
    pub app: App,
    /// Verifier of users' bearer tokens.
    pub verifier: Arc<Verifier>,
    /// Client for logins with a browser; `None` if there are none.
    pub login: Option<Arc<LoginClient>>,
    /// Verifier of runners' tokens and run assignments.
    pub runners: Arc<Runners<AppPool>>,
    /// Metrics of requests.
    pub metrics: Metrics,
    /// The only GraphQL documents that are executed; `None` if all are.
    pub trusted_documents: Option<Arc<TrustedDocuments>>,
}
