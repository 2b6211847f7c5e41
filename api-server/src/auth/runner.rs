//! Authentication of runner pods by their service account tokens, and checks of which runs are assigned to
//! them. Both query the Kubernetes API.

use std::{net::IpAddr, num::NonZeroU32, time::Duration};

use crds::WorkflowRun;
use headers::HeaderMap;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
};
use moka::sync::Cache;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{
    authenticate::bearer_token,
    scope::{PlatformScope, TenantScope},
    tenant_lookup::{LookupError, TenantLookup},
};
use crate::limits::{Exhausted, RateExceeded, Rates, Shares};

/// Time for which an answer of Kubernetes is cached. A pod that lost its run can write outputs for this long.
const ANSWER_TTL: Duration = Duration::from_secs(10);
/// Time after the last confirmed assignment during which a pod can still deliver log lines of the run.
const LATE_LOGS_TTL: Duration = Duration::from_secs(300);
/// Time for which a refusal is cached. A token of a pod that was just created may be unknown at first.
const REFUSAL_TTL: Duration = Duration::from_secs(5);
/// Maximum number of token reviews in progress, and for one address. Kubernetes answers them within milliseconds.
const REVIEWS: (usize, usize) = (16, 2);
/// Maximum number of token reviews a minute for one address. A pod needs one for each time that [`ANSWER_TTL`] is over.
const REVIEWS_PER_MINUTE: NonZeroU32 = NonZeroU32::new(120).expect("120 is not zero");
/// Maximum number of entries of each cache: more pods than run at the same time in a cluster that one replica serves.
const MAX_CACHE_ENTRIES: u64 = 10_000;
/// Time limit of a request to the Kubernetes API, which normally takes some milliseconds.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
const USER_PREFIX: &str = "system:serviceaccount:";

/// Pod that executes runs of its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// Access to the tenant's rows.
    pub scope: TenantScope,
    /// Namespace of the tenant.
    pub namespace: String,
    /// Name of the pod.
    pub pod: String,
    /// UID of the pod.
    pub pod_uid: String,
}

/// Verifier of runners' tokens and assignments, with caches of the answers of Kubernetes.
pub struct Runners<T> {
    client: Client,
    tenants: T,
    /// Runners by the SHA-256 of their tokens.
    reviews: Cache<[u8; 32], Runner>,
    /// Reasons why tokens were refused, by their SHA-256.
    refusals: Cache<[u8; 32], &'static str>,
    /// Token reviews in progress, by the address of the client.
    reviews_in_progress: Shares<IpAddr>,
    review_rates: Rates<IpAddr>,
    /// Confirmed assignments of the last 10 s.
    assignments: Cache<Assignment, ()>,
    /// Confirmed assignments of the last 300 s.
    recent_assignments: Cache<Assignment, ()>,
}

/// Assignment of a run to a pod.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Assignment {
    pod_uid: String,
    run: Uuid,
}

/// Error of the authentication of a runner.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request has no `Authorization: Bearer` header.
    #[error("failed to find a bearer token")]
    Missing,
    /// The token is unknown to Kubernetes, is for another audience, or does not belong to a runner.
    #[error("failed to accept the token: {reason}")]
    Refused {
        /// Reason of the refusal.
        reason: &'static str,
    },
    /// The address of the client has sent too many unknown tokens.
    #[error("failed to review the token")]
    RateExceeded(#[from] RateExceeded),
    /// No further review can be made.
    #[error("failed to review the token: too many are being reviewed")]
    TooManyReviews(#[from] Exhausted),
    /// The namespace belongs to no tenant, or its tenant is not mirrored yet.
    #[error("failed to find the tenant of namespace {namespace}")]
    UnknownTenant {
        /// Namespace of the pod.
        namespace: String,
    },
    /// The Kubernetes API cannot be reached or refused the request.
    #[error("failed to {action}")]
    Kubernetes {
        /// Action that failed.
        action: &'static str,
        /// Cause of the failure.
        source: Box<kube::Error>,
    },
    /// The Kubernetes API did not answer in time.
    #[error("failed to {action} within {seconds} s")]
    Timeout {
        /// Action that failed.
        action: &'static str,
        /// Time limit, in seconds.
        seconds: u64,
    },
    /// The tenant lookup failed.
    #[error("failed to look up the tenant of namespace {namespace}")]
    TenantLookup {
        /// Namespace of the pod.
        namespace: String,
        /// Cause of the failure.
        source: LookupError,
    },
}

impl<T: TenantLookup> Runners<T> {
    /// Builds a verifier with empty caches.
    #[must_use]
    pub fn new(client: Client, tenants: T) -> Self {
        Self {
            client,
            tenants,
            reviews: cache(ANSWER_TTL),
            refusals: cache(REFUSAL_TTL),
            reviews_in_progress: Shares::new(REVIEWS.0, REVIEWS.1),
            review_rates: Rates::default(),
            assignments: cache(ANSWER_TTL),
            recent_assignments: cache(LATE_LOGS_TTL),
        }
    }

    /// Returns the runner whose token is in the headers. The Kubernetes API reviews each token once, and
    /// the tokens of one client address not more often than the limits of addresses allow.
    ///
    /// # Errors
    /// Returns an error if there is no token, if it does not belong to a runner, if the address has sent too many unknown
    /// tokens, or if the Kubernetes API or the database is unavailable.
    pub async fn authenticate(&self, headers: &HeaderMap, client: Option<IpAddr>) -> Result<Runner, Error> {
        let token = bearer_token(headers).ok_or(Error::Missing)?;
        let key: [u8; 32] = Sha256::digest(token.token()).into();
        if let Some(answer) = self.cached(&key) {
            return answer;
        }
        let _permit = match client {
            Some(address) => {
                self.review_rates.count(address, REVIEWS_PER_MINUTE)?;
                Some(self.reviews_in_progress.acquire(&address, 1).await?)
            }
            None => None,
        };
        // Another request may have brought the answer meanwhile.
        if let Some(answer) = self.cached(&key) {
            return answer;
        }
        let identity = identity(self.review(token.token()).await?);
        if let Err(Error::Refused { reason }) = &identity {
            self.refusals.insert(key, reason);
        }
        let Identity { namespace, pod, pod_uid } = identity?;
        let tenant = self.tenants.id_of_namespace(PlatformScope::new(), &namespace).await;
        let tenant = tenant.map_err(|source| Error::TenantLookup { namespace: namespace.clone(), source })?;
        let tenant = tenant.ok_or_else(|| Error::UnknownTenant { namespace: namespace.clone() })?;
        let runner = Runner { scope: TenantScope::new(tenant), namespace, pod, pod_uid };
        self.reviews.insert(key, runner.clone());
        Ok(runner)
    }

    fn cached(&self, key: &[u8; 32]) -> Option<Result<Runner, Error>> {
        let refused = || self.refusals.get(key).map(|reason| Err(Error::Refused { reason }));
        self.reviews.get(key).map(Ok).or_else(refused)
    }

    /// Returns whether a run is assigned to a pod, according to the run's status in Kubernetes.
    ///
    /// # Errors
    /// Returns an error if the Kubernetes API is unavailable.
    pub async fn is_assigned(&self, runner: &Runner, run: Uuid) -> Result<bool, Error> {
        let assignment = Assignment { pod_uid: runner.pod_uid.clone(), run };
        if self.assignments.contains_key(&assignment) {
            return Ok(true);
        }
        let api = Api::<WorkflowRun>::namespaced(self.client.clone(), &runner.namespace);
        let params = ListParams::default().fields(&format!("status.runner.podUid={}", runner.pod_uid));
        let found = with_timeout("list the runs of a pod", api.list(&params)).await?;
        let uid = run.to_string();
        let is_assigned = found.items.iter().any(|found| found.uid().as_deref() == Some(uid.as_str()));
        if is_assigned {
            self.recent_assignments.insert(assignment.clone(), ());
            self.assignments.insert(assignment, ());
        }
        Ok(is_assigned)
    }

    /// Returns whether this replica has confirmed within the last 300 s that a run is assigned to a pod.
    #[must_use]
    pub fn was_recently_assigned(&self, runner: &Runner, run: Uuid) -> bool {
        self.recent_assignments.contains_key(&Assignment { pod_uid: runner.pod_uid.clone(), run })
    }

    async fn review(&self, token: &str) -> Result<TokenReviewStatus, Error> {
        let review = TokenReview {
            spec: TokenReviewSpec {
                audiences: Some(vec![crds::names::API_TOKEN_AUDIENCE.to_owned()]),
                token: Some(token.to_owned()),
            },
            ..TokenReview::default()
        };
        let api = Api::<TokenReview>::all(self.client.clone());
        let answer = with_timeout("review a token", api.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.unwrap_or_default())
    }
}

fn cache<K, V>(ttl: Duration) -> Cache<K, V>
where
    K: std::hash::Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(MAX_CACHE_ENTRIES).time_to_live(ttl).build()
}

async fn with_timeout<T>(
    action: &'static str,
    call: impl Future<Output = kube::Result<T>>,
) -> Result<T, Error> {
    match tokio::time::timeout(REQUEST_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(|source| Error::Kubernetes { action, source: Box::new(source) }),
        Err(_) => Err(Error::Timeout { action, seconds: REQUEST_TIMEOUT.as_secs() }),
    }
}

struct Identity {
    namespace: String,
    pod: String,
    pod_uid: String,
}

/// Returns the pod that a reviewed token identifies. The token must be bound to a pod, belong to the runners' service
/// account of the pod's namespace, and be issued for the audience of this API.
fn identity(status: TokenReviewStatus) -> Result<Identity, Error> {
    let refused = |reason| Error::Refused { reason };
    if status.authenticated != Some(true) {
        return Err(refused("it is unknown to Kubernetes"));
    }
    let audiences = status.audiences.unwrap_or_default();
    if !audiences.iter().any(|audience| audience == crds::names::API_TOKEN_AUDIENCE) {
        return Err(refused("it is for another audience"));
    }
    let user = status.user.unwrap_or_default();
    let account = user.username.as_deref().and_then(|name| name.strip_prefix(USER_PREFIX));
    let namespace = match account.and_then(|account| account.split_once(':')) {
        Some((namespace, crds::names::RUNNER_SERVICE_ACCOUNT)) => namespace.to_owned(),
        _ => return Err(refused("it does not belong to a runner")),
    };
    let extra = user.extra.unwrap_or_default();
    let pod_claim =
        |field: &str| extra.get(&format!("authentication.kubernetes.io/{field}"))?.first().cloned();
    match (pod_claim("pod-name"), pod_claim("pod-uid")) {
        (Some(pod), Some(pod_uid)) => Ok(Identity { namespace, pod, pod_uid }),
        _ => Err(refused("it is not bound to a pod")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::api::authentication::v1::UserInfo;

    use super::*;

    fn status(username: &str, audience: &str, pod: Option<&str>) -> TokenReviewStatus {
        let extra = pod.map(|uid| {
            BTreeMap::from([
                ("authentication.kubernetes.io/pod-name".to_owned(), vec!["run-1-x".to_owned()]),
                ("authentication.kubernetes.io/pod-uid".to_owned(), vec![uid.to_owned()]),
            ])
        });
        TokenReviewStatus {
            authenticated: Some(true),
            audiences: Some(vec![audience.to_owned()]),
            user: Some(UserInfo { username: Some(username.to_owned()), extra, ..UserInfo::default() }),
            error: None,
        }
    }

    const RUNNER: &str = "system:serviceaccount:t-acme:smb-runner";
    const OUR_AUDIENCE: &str = crds::names::API_TOKEN_AUDIENCE;

    /// A token identifies the pod that it is bound to and that pod's namespace.
    #[test]
    fn a_runner_is_identified_by_namespace_and_pod() {
        let Identity { namespace, pod, pod_uid } =
            identity(status(RUNNER, OUR_AUDIENCE, Some("uid-1"))).unwrap();
        assert_eq!((namespace.as_str(), pod.as_str(), pod_uid.as_str()), ("t-acme", "run-1-x", "uid-1"));
    }

    /// Only runners can read and write the outputs of tenants.
    #[test]
    fn tokens_that_are_not_from_a_runner_are_refused() {
        let unknown =
            TokenReviewStatus { authenticated: Some(false), ..status(RUNNER, OUR_AUDIENCE, Some("uid-1")) };
        for (status, reason) in [
            (unknown, "it is unknown to Kubernetes"),
            (status(RUNNER, "https://kubernetes.default.svc", Some("uid-1")), "it is for another audience"),
            (
                status("system:serviceaccount:t-acme:default", OUR_AUDIENCE, Some("uid-1")),
                "it does not belong to a runner",
            ),
            (status("anna@acme.example", OUR_AUDIENCE, Some("uid-1")), "it does not belong to a runner"),
            (status(RUNNER, OUR_AUDIENCE, None), "it is not bound to a pod"),
        ] {
            let error = identity(status).err().unwrap().to_string();
            assert_eq!(error, format!("failed to accept the token: {reason}"));
        }
    }
}
