//! Complete list of one kind, page by page.

use kube::api::ListParams;
use tokio::sync::oneshot;

use super::Reflector;
use crate::mirror::{
    Error,
    change::{Change, CompleteList},
    kube_api,
};

/// Number of objects per page; a run may have 1 MiB.
const PAGE_SIZE: u32 = 100;

impl Reflector {
    /// Lists the kind once, waits until the list is stored, and returns its resource version. Deletions are
    /// derived from a complete list only: an interrupted list does not show which objects were deleted.
    pub(super) async fn list(&self) -> Result<i64, Error> {
        let api = kube_api::all(&self.client, self.kind);
        let (mut uids, mut params) = (Vec::new(), ListParams::default().limit(PAGE_SIZE));
        let mut first = true;
        loop {
            let page = kube_api::with_timeout("list objects", api.list(&params)).await?;
            let version = kube_api::version(page.metadata.resource_version.as_deref().unwrap_or_default())?;
            if std::mem::take(&mut first) {
                self.send(Change::ListStarted { kind: self.kind, resource_version: version }).await?;
            }
            for item in page.items {
                let object = kube_api::object(self.kind, item)?;
                uids.push(object.identity.uid);
                self.send(Change::Upserted(Box::new(object))).await?;
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return self.complete(version, uids).await,
            }
        }
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
