//! Objects in a bucket, over HTTP: the three requests that are needed, and no more.

mod sign;

use std::time::Duration;

use axum::body::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use reqwest::{Client, Method, Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::{Error, Reading};
use sign::Signer;

/// 16 MiB in a minute is a slow network; one that is slower is a broken one.
const REQUEST: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);
/// Tries of one request, where the server is away or asks for patience; 100 and 400 ms lie between them.
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// What is quoted of an answer that refuses.
const MAX_QUOTE: usize = 300;

/// How to reach the bucket's server, and as whom.
#[derive(Clone)]
pub struct Credentials {
    /// The server's URL where it is not Amazon's; buckets are then the first part of the path.
    pub endpoint: Option<String>,
    /// The region.
    pub region: String,
    /// The id of the key.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
    /// The token that temporary keys come with.
    pub session_token: Option<String>,
}

/// A bucket.
#[derive(Clone, Debug)]
pub(super) struct S3 {
    client: Client,
    /// Ends with `/`.
    base: String,
    signer: Signer,
}

impl S3 {
    pub(super) fn new(bucket: &str, prefix: &str, credentials: Credentials) -> reqwest::Result<Self> {
        let Credentials { endpoint, region, access_key_id, secret_access_key, session_token } = credentials;
        let root = match endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com"),
        };
        Ok(Self {
            client: Client::builder().timeout(REQUEST).connect_timeout(CONNECT).build()?,
            base: format!("{root}/{prefix}"),
            signer: Signer { region, access_key_id, secret_access_key, session_token },
        })
    }

    pub(super) async fn put(&self, name: &str, bytes: Bytes, media_type: &str) -> Result<(), Error> {
        let answer = self.request("write", Method::PUT, name, bytes, Some(media_type)).await?;
        accepted("write", name, answer).await.map(drop)
    }

    pub(super) async fn get(&self, name: &str) -> Result<Option<Reading>, Error> {
        let answer = self.request("read", Method::GET, name, Bytes::new(), None).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        let answer = accepted("read", name, answer).await?;
        let name = name.to_owned();
        let bytes = answer.content_length().unwrap_or_default();
        let failed = move |source| Error::Http { action: "read", name: name.clone(), source };
        Ok(Some(Reading { bytes, stream: answer.bytes_stream().map_err(failed).boxed() }))
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        let answer = self.request("delete", Method::DELETE, name, Bytes::new(), None).await?;
        if answer.status() == StatusCode::NOT_FOUND {
            return Ok(());
        }
        accepted("delete", name, answer).await.map(drop)
    }

    /// Sends a request until it is answered with something else than "later". All of ours may be repeated.
    async fn request(
        &self,
        action: &'static str,
        method: Method,
        name: &str,
        body: Bytes,
        media_type: Option<&str>,
    ) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.once(method.clone(), name, body.clone(), media_type).await {
                Ok(answer) if !is_passing(answer.status()) => return Ok(answer),
                Err(error) if error.is_builder() => break,
                _ => tokio::time::sleep(pause).await,
            }
            pause *= 4;
        }
        let answer = self.once(method, name, body, media_type).await;
        answer.map_err(|source| Error::Http { action, name: name.to_owned(), source: source.without_url() })
    }

    async fn once(
        &self,
        method: Method,
        name: &str,
        body: Bytes,
        media_type: Option<&str>,
    ) -> reqwest::Result<Response> {
        let mut request = self.client.request(method, format!("{}{name}", self.base));
        if let Some(media_type) = media_type {
            request = request.header(http::header::CONTENT_TYPE, media_type);
        }
        let mut request = request.build()?;
        let digest = hex::encode(Sha256::digest(&body));
        self.signer.sign(&mut request, &digest, telemetry::clock::now());
        *request.body_mut() = Some(body.into());
        self.client.execute(request).await
    }
}

fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}

async fn accepted(action: &'static str, name: &str, answer: Response) -> Result<Response, Error> {
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status().as_u16();
    let message = answer.text().await.unwrap_or_default().chars().take(MAX_QUOTE).collect();
    Err(Error::Refused { action, name: name.to_owned(), status, message })
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { endpoint, region, access_key_id, secret_access_key: _, session_token: _ } = self;
        f.debug_struct("Credentials")
            .field("endpoint", endpoint)
            .field("region", region)
            .field("access_key_id", access_key_id)
            .finish_non_exhaustive()
    }
}
