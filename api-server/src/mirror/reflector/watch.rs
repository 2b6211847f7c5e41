//! One watch, from a resource version until the Kubernetes API server ends it.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use kube::{
    api::WatchParams,
    core::{DynamicObject, WatchEvent},
};

use super::Reflector;
use crate::mirror::{Error, change::Change, kube_api};

/// Time in seconds after which the API server ends a watch; see [`super::IDLE_TIMEOUT`].
const WATCH_SECONDS: u32 = 240;

impl Reflector {
    /// Watches once. `version` is advanced with every change that was sent, so that the next watch begins
    /// there.
    pub(super) async fn watch(&self, version: &mut i64) -> Result<(), Error> {
        let action = "watch objects";
        let api = kube_api::all(&self.client, self.kind);
        let params = WatchParams::default().timeout(WATCH_SECONDS);
        let mut events =
            kube_api::with_timeout(action, api.watch(&params, &version.to_string())).await?.boxed();
        while let Some(event) = self.next(&mut events).await? {
            let (change, reached) = self.change(event)?;
            self.send(change).await?;
            *version = reached;
        }
        Ok(())
    }

    async fn next<T>(
        &self,
        events: &mut BoxStream<'_, kube::Result<WatchEvent<T>>>,
    ) -> Result<Option<WatchEvent<T>>, Error> {
        match tokio::time::timeout(self.idle_timeout, events.try_next()).await {
            Ok(event) => event.map_err(Error::kubernetes("watch objects")),
            Err(_) => Err(Error::Timeout { action: "watch objects", seconds: self.idle_timeout.as_secs() }),
        }
    }

    /// Returns the change that an event reports, and the resource version up to which the watch has read.
    fn change(&self, event: WatchEvent<DynamicObject>) -> Result<(Change, i64), Error> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let object = kube_api::object(self.kind, object)?;
                let version = object.identity.resource_version;
                Ok((Change::Upserted(Box::new(object)), version))
            }
            WatchEvent::Deleted(object) => {
                let identity = kube_api::object(self.kind, object)?.identity;
                let version = identity.resource_version;
                Ok((Change::Deleted(identity), version))
            }
            WatchEvent::Bookmark(bookmark) => {
                let version = kube_api::version(&bookmark.metadata.resource_version)?;
                Ok((Change::Bookmark { kind: self.kind, resource_version: version }, version))
            }
            WatchEvent::Error(status) => Err(Error::kubernetes("watch objects")(kube::Error::Api(status))),
        }
    }
}
