//! `api-server mirror verify`: compares every object in Kubernetes with its row, and every row with its object.
//!
//! Both change while they are compared. A difference counts only if it is still there after the mirror has had time to catch up:
//! the object and its row are read again then. At most one page of objects is in memory, and 16 bytes of each object.

mod columns;
mod difference;
mod rows;

use std::{collections::HashSet, time::Duration};

use k8s_client::list_items;
use kube::Client;
use serde_json::Value;
use uuid::Uuid;

use super::{Error, cluster, kube_api, pages::Pages};
use crate::{
    db::MirrorPool,
    project::{Identity, Kind, Object, project},
};

pub use difference::Difference;
use rows::StoredRow;

/// Delay after which an object that differs from its row is read again.
const RECHECK_DELAY: Duration = Duration::from_secs(1);
/// Number of times that it is read again.
const RECHECKS: usize = 3;
/// Number of differences after which nothing is read again: the mirror is not behind, but wrong.
const MAX_RECHECKED: u64 = 200;
/// Number of rows that are read at once to find those without an object.
const ROWS_PAGE: i64 = 500;

/// Result of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Number of objects in Kubernetes.
    pub objects: u64,
    /// Number of objects and rows that differ.
    pub different: u64,
}

/// Compares all objects of the mirrored kinds with their rows, and passes each difference to `report`. Changes nothing.
///
/// # Errors
/// Returns an error if Kubernetes or the database cannot be reached, or if the rows belong to another cluster.
pub async fn verify(
    client: &Client,
    pool: &MirrorPool,
    mut report: impl FnMut(&Difference),
) -> Result<Verified, Error> {
    cluster::ensure_known(pool, kube_api::cluster_uid(client).await?).await?;
    let mut verified = Verified::default();
    for kind in Kind::ALL {
        let mut verifier = Verifier { client, pool, kind, verified: &mut verified, report: &mut report };
        let listed = verifier.compare_objects().await?;
        verifier.compare_rows(&listed).await?;
    }
    Ok(verified)
}

/// Comparison of one kind.
struct Verifier<'a, F> {
    client: &'a Client,
    pool: &'a MirrorPool,
    kind: Kind,
    verified: &'a mut Verified,
    report: &'a mut F,
}

impl<F: FnMut(&Difference)> Verifier<'_, F> {
    /// Compares all objects with their rows. Returns the UIDs of the objects.
    async fn compare_objects(&mut self) -> Result<HashSet<Uuid>, Error> {
        let (mut listed, mut pages, mut token) = (HashSet::new(), Pages::new(self.client, self.kind), None);
        loop {
            let page = pages.read(token.as_deref()).await?;
            let objects =
                list_items(&page.text).map(|text| self.object(text)).collect::<Result<Vec<_>, _>>()?;
            drop(page.text);
            self.verified.objects += u64::try_from(objects.len()).unwrap_or_default();
            listed.extend(objects.iter().map(|object| object.identity.uid));
            let differing = self.differing(&objects).await?;
            self.recheck(differing).await?;
            token = page.next;
            if token.is_none() {
                return Ok(listed);
            }
        }
    }

    fn object(&self, text: &str) -> Result<Object, Error> {
        kube_api::raw_object(self.kind, kube_api::parse(text.as_bytes())?)
    }

    /// Returns the differences of these objects.
    async fn differing(&self, objects: &[Object]) -> Result<Vec<Difference>, Error> {
        let uids: Vec<Uuid> = objects.iter().map(|object| object.identity.uid).collect();
        let rows = rows::by_uid(self.pool, self.kind, &uids).await?;
        let mut quarantined = rows::quarantined(self.pool, self.kind, &uids).await?;
        let differences = objects.iter().filter_map(|object| {
            let identity = &object.identity;
            if let Some(problem) = quarantined.remove(&identity.uid) {
                return Some(Difference::quarantined(identity, problem));
            }
            compare(object, rows.get(&identity.uid))
        });
        Ok(differences.collect())
    }

    /// Reports those of the differences that are still there after a while. An object in the quarantine is not about to be stored.
    async fn recheck(&mut self, differences: Vec<Difference>) -> Result<(), Error> {
        let (quarantined, mut differences): (Vec<_>, Vec<_>) =
            differences.into_iter().partition(Difference::is_quarantined);
        for _ in 0..RECHECKS {
            if differences.is_empty() || self.verified.different >= MAX_RECHECKED {
                break;
            }
            tokio::time::sleep(RECHECK_DELAY).await;
            let mut objects = Vec::new();
            let mut left = Vec::new();
            for difference in differences {
                match self.read_object(&difference.identity).await? {
                    Some(object) if object.identity.uid == difference.identity.uid => objects.push(object),
                    _ => left.extend(self.still_extra(&difference.identity).await?),
                }
            }
            left.extend(self.differing(&objects).await?);
            differences = left;
        }
        for difference in quarantined.iter().chain(&differences) {
            self.verified.different += 1;
            (self.report)(difference);
        }
        Ok(())
    }

    /// Finds the rows without an object.
    async fn compare_rows(&mut self, listed: &HashSet<Uuid>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = rows::live(self.pool, self.kind, after.as_ref(), ROWS_PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.key());
            let extra = rows.into_iter().filter(|row| !row.uid.is_some_and(|uid| listed.contains(&uid)));
            let extra = extra.map(|row| Difference::extra(row.identity(self.kind))).collect();
            self.recheck(extra).await?;
        }
    }

    /// Returns the difference of a row whose object does not exist, if the row still does.
    async fn still_extra(&self, identity: &Identity) -> Result<Option<Difference>, Error> {
        let rows = rows::by_uid(self.pool, self.kind, &[identity.uid]).await?;
        let is_live = rows.get(&identity.uid).is_some_and(|row| row.live) || identity.uid.is_nil();
        Ok(is_live.then(|| Difference::extra(identity.clone())))
    }

    async fn read_object(&self, identity: &Identity) -> Result<Option<Object>, Error> {
        let api = match &identity.namespace {
            Some(namespace) => kube_api::namespaced(self.client, self.kind, namespace),
            None => kube_api::all(self.client, self.kind),
        };
        let action = "read an object";
        let Some(found) = kube_api::with_timeout(action, api.get_opt(&identity.name)).await? else {
            return Ok(None);
        };
        let raw = serde_json::to_value(found).map_err(|error| Error::InvalidResponse(error.into()))?;
        kube_api::raw_object(self.kind, raw).map(Some)
    }
}

/// Returns the difference between an object and its row, if there is one.
fn compare(object: &Object, row: Option<&StoredRow>) -> Option<Difference> {
    let identity = &object.identity;
    let Some(row) = row.filter(|row| row.live) else { return Some(Difference::missing(identity)) };
    let expected = match project(object) {
        Ok(expected) => expected,
        Err(malformed) => return Some(Difference::quarantined(identity, malformed.to_string())),
    };
    let expected = columns::expected(&expected, identity.namespace.as_deref());
    let fields = columns::differing(&expected, &row.columns);
    let version = row.columns.get("resource_version").and_then(Value::as_i64);
    (!fields.is_empty()).then(|| Difference::fields(identity, version, fields))
}
