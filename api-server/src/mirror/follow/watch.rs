//! One watch, from a version until the API server ends it.

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use kube::{
    api::WatchParams,
    core::{DynamicObject, WatchEvent},
};

use super::Follower;
use crate::mirror::{Error, change::Change, kube_api};

/// The API server ends a watch after this, in seconds; see [`super::SILENCE`].
const WATCH: u32 = 240;

impl Follower {
    /// Watches once. `version` follows what was handed on, so that the next watch begins there.
    pub(super) async fn watch(&self, version: &mut i64) -> Result<(), Error> {
        let action = "watch objects";
        let api = kube_api::all(&self.client, self.kind);
        let params = WatchParams::default().timeout(WATCH);
        let mut events = kube_api::bounded(action, api.watch(&params, &version.to_string())).await?.boxed();
        while let Some(event) = self.next(&mut events).await? {
            let change = self.change(event)?;
            let reached = change.1;
            self.send(change.0).await?;
            *version = reached;
        }
        Ok(())
    }

    async fn next<T>(
        &self,
        events: &mut BoxStream<'_, kube::Result<WatchEvent<T>>>,
    ) -> Result<Option<WatchEvent<T>>, Error> {
        match tokio::time::timeout(self.silence, events.try_next()).await {
            Ok(event) => event.map_err(Error::kubernetes("watch objects")),
            Err(_) => Err(Error::Timeout { action: "watch objects", seconds: self.silence.as_secs() }),
        }
    }

    /// The change that an event tells, and the version it brings us to.
    fn change(&self, event: WatchEvent<DynamicObject>) -> Result<(Change, i64), Error> {
        match event {
            WatchEvent::Added(object) | WatchEvent::Modified(object) => {
                let object = kube_api::object(self.kind, object)?;
                let version = object.identity.resource_version;
                Ok((Change::Put(Box::new(object)), version))
            }
            WatchEvent::Deleted(object) => {
                let identity = kube_api::object(self.kind, object)?.identity;
                let version = identity.resource_version;
                Ok((Change::Gone(identity), version))
            }
            WatchEvent::Bookmark(bookmark) => {
                let version = kube_api::version(&bookmark.metadata.resource_version)?;
                Ok((Change::Reached { kind: self.kind, resource_version: version }, version))
            }
            WatchEvent::Error(status) => Err(Error::kubernetes("watch objects")(kube::Error::Api(status))),
        }
    }
}
