//! Request bodies: read completely, within the memory of their tenant. A body takes up to a hundred times its size once it
//! is parsed, so that large ones of a tenant wait for each other, unparsed.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderValue, header},
};
use http_body::Body as _;
use http_body_util::LengthLimitError;
use uuid::Uuid;

use super::in_flight;
use crate::{
    limits::{Exhausted, Limits, Permit, json_memory},
    problem::{Code, Problem},
};

/// Time for which a body waits for memory.
const MEMORY_TIMEOUT: Duration = Duration::from_secs(10);
/// Delay after which a client should retry when there is no memory for its body.
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// Copies of a decoded body that exist at the same time: what was received, and the object that is made of it.
const COPIES: usize = 2;

/// Memory of a request body.
#[derive(Clone, Default)]
pub(in crate::http) struct BodyMemory(Arc<Mutex<Vec<Permit>>>);

/// Kind of a body, which determines its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum BodyKind {
    /// JSON, which is decoded.
    Json,
    /// Bytes, which are passed on.
    Bytes,
    /// Bytes of which only a part is in memory at a time. The handler reads them, and reserves the memory for that part.
    Stream,
}

/// Limits on a body.
#[derive(Clone, Copy, Debug)]
pub(in crate::http) struct BodyLimits {
    /// Maximum size, in bytes.
    pub(in crate::http) bytes: usize,
    /// Maximum time in which the body arrives once there is memory for it.
    pub(in crate::http) time: Duration,
}

impl BodyMemory {
    /// Returns the memory, for a request that has dropped its body and then waits.
    pub(in crate::http) fn release(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Reserves the memory of a text before it is read.
    async fn reserve_text(&self, limits: &Limits, tenant: &Uuid, bytes: usize) -> Result<(), Problem> {
        let permit = limits.memory.reserve_text(tenant, bytes, MEMORY_TIMEOUT).await.map_err(no_memory)?;
        self.add(permit);
        Ok(())
    }

    /// Reserves the memory of the values of a body before it is parsed.
    async fn reserve_values(&self, limits: &Limits, tenant: &Uuid, bytes: usize) -> Result<(), Problem> {
        if bytes > limits.memory.per_tenant() {
            let detail = "the body takes too much memory once it is parsed: it has too many values";
            return Err(Problem::new(Code::TooLarge).detail(detail));
        }
        let permit = limits.memory.reserve(tenant, bytes, MEMORY_TIMEOUT).await.map_err(no_memory)?;
        self.add(permit);
        Ok(())
    }

    fn add(&self, permit: Permit) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(permit);
    }
}

/// Reads the body of a request completely, and reserves the memory for it and for parsing it. A stream is passed on as it is.
///
/// # Errors
/// Returns an error if the body is incomplete, too large or too slow, or if there is no memory for it in time.
pub(in crate::http) async fn admit(
    request: Request,
    kind: BodyKind,
    limits: &Limits,
    tenant: &Uuid,
    limit: BodyLimits,
) -> Result<(Request, BodyMemory), Problem> {
    if kind == BodyKind::Stream {
        return Ok((request, BodyMemory::default()));
    }
    let (mut parts, body) = request.into_parts();
    let (bytes, memory) = read(body, kind, limits, tenant, limit).await?;
    parts.extensions.insert(memory.clone());
    Ok((Request::from_parts(parts, Body::from(bytes)), memory))
}

/// Reads a body completely. Its memory is reserved before it is read, and that for parsing it afterwards.
///
/// # Errors
/// Returns an error if the body is incomplete, too large or too slow, or if there is no memory for it in time.
pub(in crate::http) async fn read(
    body: Body,
    kind: BodyKind,
    limits: &Limits,
    tenant: &Uuid,
    BodyLimits { bytes: limit, time }: BodyLimits,
) -> Result<(Bytes, BodyMemory), Problem> {
    let memory = BodyMemory::default();
    // A body of unknown size may be as large as the limit.
    let announced = match body.size_hint().exact() {
        Some(bytes) => fitting(bytes, limit)?,
        None => limit,
    };
    if announced > 0 {
        memory.reserve_text(limits, tenant, announced).await?;
    }
    let received = tokio::time::timeout(time, to_bytes(body, limit)).await.map_err(|_| too_slow(time))?;
    let bytes = received.map_err(|error| unreadable(error, limit))?;
    if kind == BodyKind::Json && !bytes.is_empty() {
        memory.reserve_values(limits, tenant, COPIES * json_memory(&bytes)).await?;
    }
    Ok((bytes, memory))
}

fn no_memory(error: Exhausted) -> Problem {
    in_flight::refusal("large requests", error, RETRY_DELAY)
}

/// Returns the announced size of a body.
///
/// # Errors
/// Returns an error with both sizes if the body is too large.
fn fitting(bytes: u64, limit: usize) -> Result<usize, Problem> {
    usize::try_from(bytes).ok().filter(|bytes| *bytes <= limit).ok_or_else(|| {
        let detail = format!("the body has {bytes} bytes: at most {limit} are allowed");
        Problem::new(Code::TooLarge).detail(detail)
    })
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge).detail(format!("the body is larger than {limit} bytes"))
}

/// Builds the problem of a body that did not arrive in time. The rest of it is not awaited: the connection is closed.
fn too_slow(time: Duration) -> Problem {
    Problem::new(Code::RequestTimeout)
        .detail(format!("the body was not received within {time:?}"))
        .header(header::CONNECTION, HeaderValue::from_static("close"))
}

fn unreadable(error: axum::Error, limit: usize) -> Problem {
    match error.into_inner().is::<LengthLimitError>() {
        true => too_large(limit),
        false => Problem::new(Code::Malformed).detail("the body is incomplete"),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use sqlx::PgPool;

    use crate::{
        http::testing::{ACME, Server, WORKFLOW},
        limits::Permit,
    };

    const NOW: Duration = Duration::ZERO;

    /// Takes all memory of acme that large requests use.
    async fn hold_memory(server: &Server) -> Permit {
        let memory = &server.limits().memory;
        memory.reserve(&ACME.parse().unwrap(), memory.per_tenant(), NOW).await.unwrap()
    }

    /// A tenant's large bodies wait for memory. Its small ones do not, also while a large one waits, and those of another
    /// tenant are parsed meanwhile.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn large_bodies_of_a_tenant_wait_for_each_other(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflows/{WORKFLOW}/runs");
        let held = hold_memory(&server).await;
        let large = json!({"input": {"url": "x", "zeros": vec![0; 19_000]}});
        let mut waiting = std::pin::pin!(server.post("acme", "builder", &path, &large));
        let (small, neighbour) = tokio::select! {
            answer = &mut waiting => panic!("answered without memory: {answer:?}"),
            answers = async {
                let neighbour = server.post("globex", "builder", &path, &large).await;
                (server.post("acme", "builder", &path, &json!({"input": {"url": "x"}})).await, neighbour)
            } => answers,
        };
        assert_eq!((small.status, neighbour.status), (202, 404));
        drop(held);
        assert_eq!(waiting.await.status, 202);
    }

    /// A body whose values take more memory than a tenant has is refused before it is parsed.
    #[sqlx::test(migrator = "crate::db::MIGRATOR")]
    async fn a_body_that_can_never_be_parsed_is_refused(pool: PgPool) {
        let server = Server::start(&pool).await;
        let path = format!("/v1/workflows/{WORKFLOW}/runs");
        let token = server.issuer.token("acme", "builder");
        let body = format!("{{\"input\": [{}0]}}", "{\"\":0},".repeat(70_000));
        let answer = server.post_raw(&token, &path, "application/json", &body).await;
        assert_eq!((answer.status, answer.body["code"].as_str()), (413, Some("too_large")));
        assert!(answer.body["detail"].as_str().unwrap().contains("memory"), "{}", answer.body);
    }
}
