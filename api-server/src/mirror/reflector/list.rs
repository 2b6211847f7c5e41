//! Complete list of one kind, page by page.

use k8s_client::list_items;
use uuid::Uuid;

use super::Reflector;
use crate::mirror::{
    Error,
    apply::progress,
    change::{Change, CompleteList},
    pages::{Page, Pages},
};

impl Reflector {
    /// Lists the kind once, waits until the list is stored, and returns its resource version. Deletions are
    /// derived from a complete list only: an interrupted list does not show which objects were deleted.
    pub(super) async fn list(&self) -> Result<i64, Error> {
        let read_up_to = progress::version(&self.pool, self.kind).await?;
        let mut pages = Pages::new(&self.client, self.kind);
        let mut page = pages.read(None).await?;
        self.store(Change::ListStarted { kind: self.kind, resource_version: page.version }).await?;
        let mut uids = Vec::new();
        while let Some(token) = page.next.take() {
            let queued = self.queue_page(&page, read_up_to, &mut uids);
            let (queued, next) = tokio::join!(queued, pages.read(Some(&token)));
            queued?;
            page = next?;
        }
        self.queue_page(&page, read_up_to, &mut uids).await?;
        self.complete(page.version, uids).await
    }

    async fn queue_page(
        &self,
        page: &Page,
        read_up_to: Option<i64>,
        uids: &mut Vec<Uuid>,
    ) -> Result<(), Error> {
        for item in list_items(&page.text) {
            uids.push(self.queue_object(item, read_up_to).await?.uid);
        }
        Ok(())
    }

    async fn complete(&self, version: i64, uids: Vec<Uuid>) -> Result<i64, Error> {
        let objects = uids.len();
        self.queue.flush().await?;
        let list = CompleteList { kind: self.kind, resource_version: version, uids };
        self.store(Change::ListCompleted(list)).await?;
        self.metrics.count_list(self.kind);
        let kind: &str = self.kind.into();
        tracing::info!(kind, objects, version, "all objects of the kind are listed and stored");
        Ok(version)
    }
}
