//! A full list, page by page.

use kube::api::ListParams;
use tokio::sync::oneshot;

use super::Follower;
use crate::mirror::{
    Error,
    change::{Change, Listed},
    kube_api,
};

/// Objects a page; a run may have 1 MiB.
const PAGE: u32 = 100;

impl Follower {
    /// Lists the kind once and waits until the list is stored; gives its version. Only a complete list says what is
    /// gone: one that breaks off half-way has only said what is there.
    pub(super) async fn list(&self) -> Result<i64, Error> {
        let api = kube_api::all(&self.client, self.kind);
        let (mut uids, mut params) = (Vec::new(), ListParams::default().limit(PAGE));
        let mut first = true;
        loop {
            let page = kube_api::bounded("list objects", api.list(&params)).await?;
            let version = kube_api::version(page.metadata.resource_version.as_deref().unwrap_or_default())?;
            if std::mem::take(&mut first) {
                self.send(Change::Listing { kind: self.kind, resource_version: version }).await?;
            }
            for item in page.items {
                let object = kube_api::object(self.kind, item)?;
                uids.push(object.identity.uid);
                self.send(Change::Put(Box::new(object))).await?;
            }
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => return self.finish(version, uids).await,
            }
        }
    }

    async fn finish(&self, version: i64, uids: Vec<uuid::Uuid>) -> Result<i64, Error> {
        let (stored, wait) = oneshot::channel();
        let objects = uids.len();
        let list = Listed { kind: self.kind, resource_version: version, uids, stored: Some(stored) };
        self.send(Change::Listed(list)).await?;
        wait.await.map_err(|_| Error::Ended { part: "writer" })?;
        tracing::info!(kind = self.kind.as_str(), objects, version, "listed");
        Ok(version)
    }
}
