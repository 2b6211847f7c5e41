//! The export of a tenant's data to object storage, as `docs/reference/export.md` describes it. Rows are read in pages and written
//! in files of a few MiB, each of which is recorded in Postgres once it is stored: an interrupted export continues after the last
//! recorded file. The manifest is written last, so that a folder with a manifest is complete.

mod copies;
mod files;
mod manifest;

pub(super) use files::{delete_obsolete, totals};

use sha2::{Digest as _, Sha256};
use strum::VariantArray as _;
use telemetry::clock;
use tokio::sync::OnceCell;
use uuid::Uuid;

use self::files::ExportFile;
use super::{Error, Resources, archiving::Archiving, metrics::Metrics};
use crate::{
    auth::TenantScope,
    objects::Objects,
    store::{
        TenantTx,
        export::{ExportedRow, Kind, last_event, page},
    },
};

/// Returns the folder of an export in object storage. It does not lie below the prefix of the tenant's stored outputs, and so
/// survives their deletion.
pub(super) fn folder(slug: &str, export_id: Uuid) -> String {
    format!("exports/{slug}/{export_id}/")
}

/// Sizes of what an export holds in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Maximum size of the rows of a page, unless it has one row only.
    pub(super) page_bytes: usize,
    /// Size at which a file is written. It exceeds this by at most one page.
    pub(super) file_bytes: usize,
}

/// A file of 4 MiB is written with one request. Two exports hold some 10 MiB, a fiftieth of what the chart gives the api-server.
const SIZES: Sizes = Sizes { page_bytes: 1 << 20, file_bytes: 4 << 20 };

/// Export of the data of one archiving.
pub(super) struct Export<'a> {
    resources: &'a Resources,
    objects: &'a Objects,
    metrics: &'a Metrics,
    slug: String,
    archiving: Archiving,
    sizes: Sizes,
    /// Sequence number of the last event to export, which is known once all runs have ended: an export that is not interrupted ends
    /// however many events are written meanwhile.
    last_event: OnceCell<i64>,
}

/// Result of [`Export::write_next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// A file was written, and there may be more.
    Written,
    /// There are no more rows.
    Complete,
}

/// Content of a file that is not written yet.
#[derive(Default)]
struct Content {
    bytes: Vec<u8>,
    rows: i64,
    last_key: Option<String>,
}

impl<'a> Export<'a> {
    /// Creates the export of the data of an archiving; [`Self::run`] writes it.
    pub(super) fn new(
        resources: &'a Resources,
        objects: &'a Objects,
        metrics: &'a Metrics,
        slug: String,
        archiving: Archiving,
    ) -> Self {
        Self { resources, objects, metrics, slug, archiving, sizes: SIZES, last_event: OnceCell::new() }
    }

    /// Writes files of other sizes, for tests.
    #[cfg(test)]
    pub(super) fn with_sizes(self, sizes: Sizes) -> Self {
        Self { sizes, ..self }
    }

    /// Writes what is left of the export, with the manifest, and then deletes earlier exports of the tenant.
    ///
    /// # Errors
    /// Returns an error if the database or the object storage refuses a request, or if the tenant is not archived any more.
    pub(super) async fn run(&self) -> Result<(), Error> {
        let pool = &self.resources.mirror;
        files::check_runs(pool, self.archiving.tenant).await?;
        files::check_quarantine(pool, self.archiving.tenant).await?;
        while self.write_next().await? == Progress::Written {}
        let written = files::all(pool, self.archiving).await?;
        let manifest = manifest::build(&self.slug, self.archiving, &written, clock::now())?;
        self.objects.put(&self.path("manifest.json"), manifest.into(), "application/json").await?;
        files::complete(pool, self.archiving).await?;
        delete_obsolete(pool, Some(self.objects), &self.slug, self.archiving.tenant, Some(self.archiving))
            .await
    }

    /// Writes the file after the last one that is recorded.
    ///
    /// # Errors
    /// Returns an error if the database or the object storage refuses a request, or if the export is not the current one.
    pub(super) async fn write_next(&self) -> Result<Progress, Error> {
        files::begin(&self.resources.mirror, self.archiving).await?;
        let last = files::last(&self.resources.mirror, self.archiving).await?;
        let begun =
            last.as_ref().and_then(|last| Kind::VARIANTS.iter().position(|kind| kind.name() == last.kind));
        for kind in Kind::VARIANTS.iter().skip(begun.unwrap_or(0)).copied() {
            let before = last.as_ref().filter(|last| last.kind == kind.name());
            let content = self.read(kind, before.map(|before| before.last_key.clone())).await?;
            if let Some(last_key) = content.last_key.clone() {
                let number = before.map_or(0, |before| before.number) + 1;
                self.write(kind, number, content, last_key).await?;
                return Ok(Progress::Written);
            }
        }
        Ok(Progress::Complete)
    }

    /// Reads pages until they fill a file.
    async fn read(&self, kind: Kind, after: Option<String>) -> Result<Content, Error> {
        let (mut content, mut after) = (Content::default(), after);
        while content.bytes.len() < self.sizes.file_bytes {
            let lines = self.read_page(kind, after.as_deref()).await?;
            let Some(last) = lines.last() else { break };
            after = Some(last.key.clone());
            content.last_key.clone_from(&after);
            for line in lines {
                content.bytes.extend_from_slice(self.finish(kind, line).await?.as_bytes());
                content.bytes.push(b'\n');
                content.rows += 1;
            }
        }
        Ok(content)
    }

    async fn read_page(&self, kind: Kind, after: Option<&str>) -> Result<Vec<ExportedRow>, Error> {
        let scope = TenantScope::for_export(self.archiving.tenant);
        let mut tx = TenantTx::begin(&self.resources.app, scope).await?;
        let max_bytes = i64::try_from(self.sizes.page_bytes).unwrap_or(i64::MAX);
        let last_event = *self.last_event.get_or_try_init(|| last_event(&mut tx)).await?;
        Ok(page(&mut tx, kind, after, max_bytes, last_event).await?)
    }

    /// Returns the line of a row. The output or content that a row stands for is copied first.
    async fn finish(&self, kind: Kind, line: ExportedRow) -> Result<String, Error> {
        match kind {
            Kind::Outputs => copies::copy_output(self.objects, &self.path(""), &line.json).await,
            Kind::Documents => copies::copy_content(self.objects, &self.path(""), &line.json).await,
            _ => Ok(line.json),
        }
    }

    /// Writes and records a file. Its name contains its digest, so that two replicas never write different files of one name.
    async fn write(&self, kind: Kind, number: i32, content: Content, last_key: String) -> Result<(), Error> {
        let Content { bytes, rows, last_key: _ } = content;
        let sha256 = hex::encode(Sha256::digest(&bytes));
        let kind = kind.name();
        let name = format!("{kind}-{number:06}-{}.jsonl", sha256.get(..16).unwrap_or_default());
        let size = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.objects.put(&self.path(&name), bytes.into(), "application/jsonl").await?;
        let file = ExportFile { name, kind: kind.to_owned(), number, rows, bytes: size, sha256, last_key };
        if let Err(error) = files::record(&self.resources.mirror, self.archiving, &file).await {
            if matches!(error, Error::Superseded) {
                self.objects.delete(&self.path(&file.name)).await?;
                if !files::is_retained(&self.resources.mirror, self.archiving).await? {
                    self.objects.delete_folder(&self.path("")).await?;
                }
            }
            return Err(error);
        }
        self.metrics.rows.inc_by(u64::try_from(rows).unwrap_or_default());
        self.metrics.bytes.inc_by(u64::try_from(size).unwrap_or_default());
        Ok(())
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", folder(&self.slug, self.archiving.export_id))
    }
}
