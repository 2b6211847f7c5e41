//! Complete list of one kind, page by page.

use k8s_client::{list_items, without_items};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ListMeta;
use kube::{
    Resource as _,
    api::ListParams,
    core::{DynamicObject, Request},
};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::Reflector;
use crate::mirror::{
    Error,
    change::{Change, CompleteList},
    kube_api,
};

/// Number of objects per page, of which an object has at most 1.5 MiB: 30 MiB of text. One object at a time is decoded.
const PAGE_SIZE: u32 = 20;

/// Metadata of a page.
#[derive(Default, Deserialize)]
struct Page {
    #[serde(default)]
    metadata: ListMeta,
}

impl Reflector {
    /// Lists the kind once, waits until the list is stored, and returns its resource version. Deletions are
    /// derived from a complete list only: an interrupted list does not show which objects were deleted.
    pub(super) async fn list(&self) -> Result<i64, Error> {
        let (mut uids, mut params) = (Vec::new(), ListParams::default().limit(PAGE_SIZE));
        let mut first = true;
        loop {
            let text = self.list_page(&params).await?;
            let page: Page = kube_api::parse(&without_items(&text))?;
            let version = kube_api::version(page.metadata.resource_version.as_deref().unwrap_or_default())?;
            if std::mem::take(&mut first) {
                self.send(Change::ListStarted { kind: self.kind, resource_version: version }).await?;
            }
            for item in list_items(&text) {
                uids.push(self.send_object(item).await?.uid);
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return self.complete(version, uids).await,
            }
        }
    }

    async fn list_page(&self, params: &ListParams) -> Result<String, Error> {
        let action = "list objects";
        let path = DynamicObject::url_path(&kube_api::resource(self.kind), None);
        let request = Request::new(path).list(params).map_err(kube::Error::BuildRequest);
        let request = request.map_err(Error::kubernetes(action))?;
        kube_api::with_timeout(action, self.client.request_text(request)).await
    }

    async fn complete(&self, version: i64, uids: Vec<uuid::Uuid>) -> Result<i64, Error> {
        let (stored, wait) = oneshot::channel();
        let objects = uids.len();
        let list = CompleteList { kind: self.kind, resource_version: version, uids, stored: Some(stored) };
        self.send(Change::ListCompleted(list)).await?;
        wait.await.map_err(|_| Error::Ended { part: "writer" })?;
        let kind: &str = self.kind.into();
        tracing::info!(kind, objects, version, "all objects of the kind are listed and stored");
        Ok(version)
    }
}
