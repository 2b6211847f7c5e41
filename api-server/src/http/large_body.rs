//! Large request bodies. A body takes up to thirty times its size once it is parsed, so that a tenant can have only some
//! of them in memory at the same time; further ones wait, unparsed.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
};
use http_body::Body as _;
use http_body_util::LengthLimitError;
use uuid::Uuid;

use super::{MAX_BODY_BYTES, in_flight};
use crate::{
    limits::{Limits, Permit},
    problem::{Code, Problem},
};

/// Size above which a body counts as large. All others together take less than the large ones.
const LARGE_BODY_BYTES: usize = 32 * 1024;

/// Permit of a request with a large body.
#[derive(Clone)]
pub(in crate::http) struct LargeBody(Arc<Mutex<Option<Permit>>>);

impl LargeBody {
    /// Returns the permit, for a request that has dropped its body and then waits.
    pub(in crate::http) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// Reads a large body completely, and then waits for the permit to parse it. A client that sends slowly therefore holds
/// no permit.
///
/// # Errors
/// Returns an error if the body is incomplete or too large.
pub(in crate::http) async fn admit(
    request: Request,
    limits: &Limits,
    tenant: &Uuid,
) -> Result<(Request, Option<LargeBody>), Problem> {
    let is_small = |bytes: u64| usize::try_from(bytes).is_ok_and(|bytes| bytes <= LARGE_BODY_BYTES);
    if request.body().size_hint().upper().is_some_and(is_small) {
        return Ok((request, None));
    }
    let (mut parts, body) = request.into_parts();
    let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(unreadable)?;
    if bytes.len() <= LARGE_BODY_BYTES {
        return Ok((Request::from_parts(parts, Body::from(bytes)), None));
    }
    let permit = limits.large_bodies.acquire(tenant, 1).await.map_err(in_flight::too_many_requests)?;
    let large_body = LargeBody(Arc::new(Mutex::new(Some(permit))));
    parts.extensions.insert(large_body.clone());
    Ok((Request::from_parts(parts, Body::from(bytes)), Some(large_body)))
}

fn unreadable(error: axum::Error) -> Problem {
    match error.into_inner().is::<LengthLimitError>() {
        true => {
            Problem::new(Code::TooLarge).detail(format!("the body is larger than {MAX_BODY_BYTES} bytes"))
        }
        false => Problem::new(Code::Malformed).detail("the body is incomplete"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sqlx::PgPool;

    use crate::http::testing::{ACME, Server, WORKFLOW};

    /// A tenant's large bodies wait for each other, small ones do not, and those of another tenant are parsed meanwhile.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn large_bodies_of_a_tenant_wait_for_each_other(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflows/{WORKFLOW}/runs");
        let held = server.limits().large_bodies.acquire(&ACME.parse().unwrap(), 4).await.unwrap();
        let large = json!({"input": {"url": "x".repeat(100_000)}});
        let mut waiting = std::pin::pin!(server.post("acme", "builder", &path, &large));
        let (small, neighbour) = tokio::select! {
            answer = &mut waiting => panic!("answered without a permit: {answer:?}"),
            answers = async {
                let small = server.post("acme", "builder", &path, &json!({"input": {"url": "x"}})).await;
                (small, server.post("globex", "builder", &path, &large).await)
            } => answers,
        };
        assert_eq!((small.status, neighbour.status), (202, 404));
        drop(held);
        assert_eq!(waiting.await.status, 202);
    }
}
