//! One watch, from a resource version until the Kubernetes API server ends it.

use std::{io, pin::pin};

use futures::{AsyncBufReadExt as _, Stream, TryStreamExt as _};
use k8s_client::{member, select_text};
use kube::{
    Resource as _,
    api::WatchParams,
    core::{DynamicObject, Request, Status},
};
use serde::Deserialize;

use super::Reflector;
use crate::mirror::{Error, kube_api, memory::DELETED, queue::ObjectText};

/// Time in seconds after which the API server ends a watch; see [`super::IDLE_TIMEOUT`].
const WATCH_SECONDS: u32 = 240;

/// Object of a bookmark.
#[derive(Deserialize)]
struct Bookmark {
    metadata: BookmarkMeta,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BookmarkMeta {
    resource_version: String,
}

impl Reflector {
    /// Watches once. `version` is advanced with every change that was queued, so that the next watch begins
    /// there.
    pub(super) async fn watch(&self, version: &mut i64) -> Result<(), Error> {
        let action = "watch objects";
        let path = DynamicObject::url_path(&kube_api::resource(self.kind), None);
        let params = WatchParams::default().timeout(WATCH_SECONDS);
        let request = Request::new(path).watch(&params, &version.to_string());
        let request = request.map_err(kube::Error::BuildRequest).map_err(Error::kubernetes(action))?;
        let events = kube_api::with_timeout(action, self.client.request_stream(request)).await?;
        let mut events = pin!(events.lines());
        while let Some(event) = self.next(&mut events).await? {
            *version = self.queue_event(&event).await?;
        }
        Ok(())
    }

    async fn next(
        &self,
        events: &mut (impl Stream<Item = io::Result<String>> + Unpin),
    ) -> Result<Option<String>, Error> {
        match tokio::time::timeout(self.idle_timeout, events.try_next()).await {
            Ok(event) => event.map_err(kube::Error::ReadEvents).map_err(Error::kubernetes("watch objects")),
            Err(_) => Err(Error::Timeout { action: "watch objects", seconds: self.idle_timeout.as_secs() }),
        }
    }

    /// Queues the change that an event reports, and returns the resource version up to which the watch has read.
    async fn queue_event(&self, event: &str) -> Result<i64, Error> {
        let kind = member(event, "type").unwrap_or_default().trim_matches('"');
        let object = member(event, "object").unwrap_or_default();
        match kind {
            "ADDED" | "MODIFIED" => Ok(self.queue_object(object, None).await?.resource_version),
            "DELETED" => {
                let object = kube_api::parse(&select_text(object, DELETED))?;
                let identity = kube_api::raw_object(self.kind, object)?.identity;
                let version = identity.resource_version;
                self.queue.push(ObjectText::Deleted(identity)).await?;
                Ok(version)
            }
            "BOOKMARK" => {
                let bookmark: Bookmark = kube_api::parse(object.as_bytes())?;
                let version = kube_api::version(&bookmark.metadata.resource_version)?;
                self.queue.push_bookmark(self.kind, version);
                Ok(version)
            }
            "ERROR" => {
                let status: Status = kube_api::parse(object.as_bytes())?;
                Err(Error::kubernetes("watch objects")(kube::Error::Api(status.boxed())))
            }
            _ => Err(Error::InvalidResponse(format!("unknown type of a watch event: {kind:?}").into())),
        }
    }
}
