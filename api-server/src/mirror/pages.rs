//! Pages of a list in Kubernetes, each of a bounded size.

use std::pin::pin;

use futures::AsyncReadExt as _;
use k8s_client::without_items;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{
    Client, Resource as _,
    api::ListParams,
    core::{DynamicObject, Request},
};
use serde::Deserialize;

use super::{Error, kube_api};
use crate::project::Kind;

/// Number of objects that the first page may have; the number is lowered while a page is too large.
const MAX_OBJECTS: u32 = 500;
/// Maximum size of a page, in bytes. Two are in memory at a time: one is queued while the next one is read.
const MAX_BYTES: usize = 16 << 20;

/// Pages of the list of a kind.
pub(super) struct Pages<'c> {
    client: &'c Client,
    kind: Kind,
    /// Maximum number of objects of the next page.
    limit: u32,
}

/// A page of a list.
pub(super) struct Page {
    /// JSON of the list.
    pub text: String,
    /// Resource version of the list.
    pub version: i64,
    /// Token of the next page, unless this is the last one.
    pub next: Option<String>,
}

/// Metadata of a page.
#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default)]
    metadata: ListMeta,
}

impl<'c> Pages<'c> {
    /// Creates a list of all objects of a kind.
    pub(super) fn new(client: &'c Client, kind: Kind) -> Self {
        Self { client, kind, limit: MAX_OBJECTS }
    }

    /// Reads the first page, or the one of a token. The number of objects is lowered while their text is too large, and raised
    /// again afterwards.
    pub(super) async fn read(&mut self, token: Option<&str>) -> Result<Page, Error> {
        loop {
            let (limit, continue_token) = (Some(self.limit), token.map(str::to_owned));
            let text = self.read_text(&ListParams { limit, continue_token, ..ListParams::default() }).await?;
            if text.len() <= MAX_BYTES {
                self.limit = (self.limit * 2).min(MAX_OBJECTS);
                return Page::parse(text);
            }
            if self.limit == 1 {
                let problem = format!("an object has more than {MAX_BYTES} bytes");
                return Err(Error::InvalidResponse(problem.into()));
            }
            self.limit = (self.limit / 4).max(1);
        }
    }

    /// Reads the text of a page, or a little more than [`MAX_BYTES`] of it.
    async fn read_text(&self, params: &ListParams) -> Result<Vec<u8>, Error> {
        let action = "list objects";
        let path = DynamicObject::url_path(&kube_api::resource(self.kind), None);
        let request = Request::new(path).list(params).map_err(kube::Error::BuildRequest);
        let request = request.map_err(Error::kubernetes(action))?;
        let read = async {
            let body = pin!(self.client.request_stream(request).await?);
            let mut text = Vec::new();
            let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
            body.take(limit).read_to_end(&mut text).await.map_err(kube::Error::ReadEvents)?;
            Ok(text)
        };
        kube_api::with_timeout(action, read).await
    }
}

impl Page {
    fn parse(text: Vec<u8>) -> Result<Self, Error> {
        let text = String::from_utf8(text).map_err(|error| Error::InvalidResponse(error.into()))?;
        let Metadata { metadata } = kube_api::parse(&without_items(&text))?;
        let version = kube_api::version(metadata.resource_version.as_deref().unwrap_or_default())?;
        Ok(Self { text, version, next: metadata.continue_.filter(|token| !token.is_empty()) })
    }
}
