//! Runners: pods of tenants, by their own tokens, and which runs they hold. Both are asked of Kubernetes.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crds::WorkflowRun;
use http::HeaderMap;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, TokenReviewStatus};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    authenticate::bearer,
    scope::{PlatformScope, TenantScope},
};
use crate::{
    db::AppPool,
    store::{self, PlatformTx, tenants},
};

/// How long an answer of Kubernetes is believed: a pod that lost its run may write outputs for so much longer.
const BELIEVED: Duration = Duration::from_secs(10);
/// For so long after it held a run a pod may still deliver lines of it.
const LATELY: Duration = Duration::from_secs(300);
/// More pods than run at once in a cluster that one replica serves; beyond that everything is asked anew.
const REMEMBERED: usize = 10_000;
/// A review takes some milliseconds.
const BOUND: Duration = Duration::from_secs(5);
const USER_PREFIX: &str = "system:serviceaccount:";

/// A pod that executes runs of its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    /// The right to the tenant's rows.
    pub scope: TenantScope,
    /// The tenant's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The pod's uid.
    pub pod_uid: String,
}

/// Who is a runner, and what it holds, as Kubernetes says and as was said some seconds ago.
pub struct Runners {
    client: Client,
    db: AppPool,
    reviews: Memory<[u8; 32], Runner>,
    /// By the pod's uid and the run's.
    held: Memory<(String, Uuid), ()>,
}

/// Why a request of a runner is not let in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No `Authorization: Bearer`.
    #[error("failed to find a bearer token")]
    Missing,
    /// Kubernetes does not know the token, or it is for others, or not a runner's.
    #[error("failed to accept the token: {reason}")]
    Refused {
        /// What is wrong, in a few words.
        reason: &'static str,
    },
    /// The namespace is no tenant's, or not yet mirrored.
    #[error("failed to find the tenant of namespace {namespace}")]
    UnknownTenant {
        /// The namespace.
        namespace: String,
    },
    /// Kubernetes does not answer, or not as it should.
    #[error("failed to {action}")]
    Kubernetes {
        /// What was tried.
        action: &'static str,
        /// What came back.
        source: Box<kube::Error>,
    },
    /// Kubernetes took too long.
    #[error("failed to {action} within {seconds} s")]
    Slow {
        /// What was tried.
        action: &'static str,
        /// The bound.
        seconds: u64,
    },
    /// The tenant cannot be looked up.
    #[error("failed to look up the tenant of a runner")]
    Database(#[from] store::Error),
}

impl Runners {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(client: Client, db: AppPool) -> Self {
        Self { client, db, reviews: Memory::default(), held: Memory::default() }
    }

    /// The runner that sends these headers.
    ///
    /// # Errors
    /// There is no token, it is no runner's, or Kubernetes or the database does not answer.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Runner, Error> {
        let token = bearer(headers).map_err(|_| Error::Missing)?;
        let key: [u8; 32] = Sha256::digest(token).into();
        if let Some(known) = self.reviews.get(&key, BELIEVED) {
            return Ok(known);
        }
        let Identity { namespace, pod, pod_uid } = identity(self.review(token).await?)?;
        let mut tx = PlatformTx::begin(&self.db, PlatformScope::new()).await?;
        let tenant = tenants::id_of_namespace(&mut tx, &namespace).await?;
        let tenant = tenant.ok_or_else(|| Error::UnknownTenant { namespace: namespace.clone() })?;
        let runner = Runner { scope: TenantScope::new(tenant), namespace, pod, pod_uid };
        self.reviews.put(key, runner.clone());
        Ok(runner)
    }

    /// Whether the pod holds the run, by the run's own status.
    ///
    /// # Errors
    /// Kubernetes does not answer.
    pub async fn holds(&self, runner: &Runner, run: Uuid) -> Result<bool, Error> {
        let key = (runner.pod_uid.clone(), run);
        if self.held.get(&key, BELIEVED).is_some() {
            return Ok(true);
        }
        let api = Api::<WorkflowRun>::namespaced(self.client.clone(), &runner.namespace);
        let params = ListParams::default().fields(&format!("status.runner.podUid={}", runner.pod_uid));
        let found = bounded("find the runs of a pod", api.list(&params)).await?;
        let uid = run.to_string();
        let holds = found.items.iter().any(|found| found.uid().as_deref() == Some(uid.as_str()));
        if holds {
            self.held.put(key, ());
        }
        Ok(holds)
    }

    /// Whether this replica has lately seen that the pod holds the run.
    #[must_use]
    pub fn held_lately(&self, runner: &Runner, run: Uuid) -> bool {
        self.held.get(&(runner.pod_uid.clone(), run), LATELY).is_some()
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
        let answer = bounded("review a token", api.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.unwrap_or_default())
    }
}

async fn bounded<T>(action: &'static str, call: impl Future<Output = kube::Result<T>>) -> Result<T, Error> {
    match tokio::time::timeout(BOUND, call).await {
        Ok(answer) => answer.map_err(|source| Error::Kubernetes { action, source: Box::new(source) }),
        Err(_) => Err(Error::Slow { action, seconds: BOUND.as_secs() }),
    }
}

struct Identity {
    namespace: String,
    pod: String,
    pod_uid: String,
}

/// Who a reviewed token is: the runners' service account of a namespace, bound to a pod, for us.
fn identity(status: TokenReviewStatus) -> Result<Identity, Error> {
    let refused = |reason| Error::Refused { reason };
    if status.authenticated != Some(true) {
        return Err(refused("Kubernetes does not know it"));
    }
    let audiences = status.audiences.unwrap_or_default();
    if !audiences.iter().any(|audience| audience == crds::names::API_TOKEN_AUDIENCE) {
        return Err(refused("it is for another audience"));
    }
    let user = status.user.unwrap_or_default();
    let account = user.username.as_deref().and_then(|name| name.strip_prefix(USER_PREFIX));
    let namespace = match account.and_then(|account| account.split_once(':')) {
        Some((namespace, crds::names::RUNNER_SERVICE_ACCOUNT)) => namespace.to_owned(),
        _ => return Err(refused("it is not a runner's")),
    };
    let extra = user.extra.unwrap_or_default();
    let of_pod = |what: &str| extra.get(&format!("authentication.kubernetes.io/{what}"))?.first().cloned();
    match (of_pod("pod-name"), of_pod("pod-uid")) {
        (Some(pod), Some(pod_uid)) => Ok(Identity { namespace, pod, pod_uid }),
        _ => Err(refused("it is bound to no pod")),
    }
}

/// What was said, and when.
struct Memory<K, V>(Mutex<HashMap<K, (Instant, V)>>);

impl<K, V> Default for Memory<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Memory<K, V> {
    fn get(&self, key: &K, within: Duration) -> Option<V> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, value) = known.get(key)?;
        (at.elapsed() <= within).then(|| value.clone())
    }

    fn put(&self, key: K, value: V) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.retain(|_, (at, _)| at.elapsed() <= LATELY);
            if known.len() >= REMEMBERED {
                known.clear();
            }
        }
        known.insert(key, (Instant::now(), value));
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
    const OURS: &str = crds::names::API_TOKEN_AUDIENCE;

    /// A runner is taken for another one's pod, or for another tenant.
    #[test]
    fn a_runner_is_known_by_namespace_and_pod() {
        let Identity { namespace, pod, pod_uid } = identity(status(RUNNER, OURS, Some("uid-1"))).unwrap();
        assert_eq!((namespace.as_str(), pod.as_str(), pod_uid.as_str()), ("t-acme", "run-1-x", "uid-1"));
    }

    /// Any pod of the cluster reads and writes the outputs of tenants.
    #[test]
    fn tokens_of_others_are_refused() {
        let unknown = TokenReviewStatus { authenticated: Some(false), ..status(RUNNER, OURS, Some("uid-1")) };
        for (status, reason) in [
            (unknown, "Kubernetes does not know it"),
            (status(RUNNER, "https://kubernetes.default.svc", Some("uid-1")), "it is for another audience"),
            (status("system:serviceaccount:t-acme:default", OURS, Some("uid-1")), "it is not a runner's"),
            (status("anna@acme.example", OURS, Some("uid-1")), "it is not a runner's"),
            (status(RUNNER, OURS, None), "it is bound to no pod"),
        ] {
            let error = identity(status).err().unwrap().to_string();
            assert_eq!(error, format!("failed to accept the token: {reason}"));
        }
    }
}
