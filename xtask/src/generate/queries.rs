//! Generates `.sqlx`: what Postgres reports about each query of the api-server. It lets builds check queries
//! without a database.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

use crate::checkout::Checkout;
use crate::phase::Phase;
use crate::program::Program;

const FOLDER: &str = ".sqlx";
/// Crate roots whose modification makes cargo compile all queries again.
const CRATE_ROOTS: [&str; 2] = ["api-server/src/lib.rs", "api-server/src/main.rs"];

/// Replaces the content of the folder by newly generated descriptions.
pub(super) fn write(phase: &mut Phase<'_>, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    let fresh = describe(phase, checkout, database)?;
    let folder = checkout.path(FOLDER);
    std::fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    for name in read(&folder)?.keys().filter(|name| !fresh.contains_key(*name)) {
        std::fs::remove_file(folder.join(name)).with_context(|| format!("failed to remove {name}"))?;
    }
    for (name, content) in fresh {
        std::fs::write(folder.join(&name), content).with_context(|| format!("failed to write {name}"))?;
    }
    Ok(())
}

/// Returns the committed files that differ from newly generated ones.
pub(super) fn stale(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    database: &str,
) -> anyhow::Result<Vec<String>> {
    let (fresh, committed) = (describe(phase, checkout, database)?, read(&checkout.path(FOLDER))?);
    let names = fresh.keys().chain(committed.keys().filter(|name| !fresh.contains_key(*name)));
    Ok(names
        .filter(|name| fresh.get(*name) != committed.get(*name))
        .map(|name| format!("{FOLDER}/{name}"))
        .collect())
}

/// Compiles the api-server against the migrated database, and returns the files that sqlx's macros write for each query.
fn describe(
    phase: &mut Phase<'_>,
    checkout: &Checkout,
    database: &str,
) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    migrate(phase, checkout, database)?;
    let scratch = checkout.local().join("sqlx");
    if scratch.exists() {
        std::fs::remove_dir_all(&scratch).context("failed to empty the scratch folder of sqlx")?;
    }
    std::fs::create_dir_all(&scratch).context("failed to create the scratch folder of sqlx")?;
    let times = touch(checkout)?;
    let program = Program::new("cargo")
        .dir(&checkout.root)
        .args(["check", "--workspace", "--all-targets"])
        .env("SQLX_OFFLINE", "false")
        .env("SQLX_OFFLINE_DIR", &scratch)
        .env("DATABASE_URL", database);
    let result = phase.exec(program);
    restore(&times)?;
    result?;
    read(&scratch)
}

fn migrate(phase: &mut Phase<'_>, checkout: &Checkout, database: &str) -> anyhow::Result<()> {
    let psql = || Program::new("psql").args(["-v", "ON_ERROR_STOP=1", "--quiet", "--no-psqlrc", database]);
    let applied = psql().args(["-At", "-c", "SELECT to_regclass('plans') IS NOT NULL"]).capture()?;
    if applied.trim() == "t" {
        // Already migrated by an earlier step of this command; the server is created anew for each command.
        return Ok(());
    }
    let mut files: Vec<PathBuf> = std::fs::read_dir(checkout.path("migrations"))
        .context("failed to read the migrations")?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sql"))
        .collect();
    files.sort();
    files.iter().try_for_each(|file| phase.exec(psql().arg("--single-transaction").arg("-f").arg(file)))
}

/// Sets the modification times of the crate roots, so that cargo compiles them again. Returns the previous times, to be
/// restored for other builds.
fn touch(checkout: &Checkout) -> anyhow::Result<Vec<(PathBuf, SystemTime)>> {
    let mut times = Vec::new();
    for root in CRATE_ROOTS {
        let path = checkout.path(root);
        let file =
            File::options().append(true).open(&path).with_context(|| format!("failed to open {root}"))?;
        times.push((path, file.metadata()?.modified()?));
        #[expect(
            clippy::disallowed_methods,
            reason = "cargo compares modification times with the current time"
        )]
        file.set_modified(SystemTime::now()).with_context(|| format!("failed to touch {root}"))?;
    }
    Ok(times)
}

fn restore(times: &[(PathBuf, SystemTime)]) -> anyhow::Result<()> {
    for (path, time) in times {
        let file = File::options().append(true).open(path);
        file.and_then(|file| file.set_modified(*time))
            .with_context(|| format!("failed to restore the time of {}", path.display()))?;
    }
    Ok(())
}

fn read(folder: &Path) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut found = BTreeMap::new();
    if !folder.exists() {
        return Ok(found);
    }
    for entry in std::fs::read_dir(folder).with_context(|| format!("failed to read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let content = std::fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        found.insert(name, content);
    }
    Ok(found)
}
