//! The command that verifies the audit log.

use std::io::Write;

use anyhow::Context as _;

use crate::{
    db::{MirrorPool, Urls},
    store::audit::{self, Chain},
};

/// Verifies the chain of a tenant, or all chains, and writes one line for each. Returns whether all are as they were written.
///
/// # Errors
/// Returns an error if there is no such tenant, if the database fails, or if a line cannot be written.
pub async fn verify(urls: &Urls, tenant: Option<&str>, out: &mut impl Write) -> anyhow::Result<bool> {
    let pool = MirrorPool::connect(urls).await.context("failed to connect to the database as smb_mirror")?;
    let chains = audit::chains(&pool, tenant).await?;
    if let Some(tenant) = tenant.filter(|_| chains.is_empty()) {
        anyhow::bail!("failed to find audit events of tenant {tenant}");
    }
    let mut is_intact = true;
    for chain in &chains {
        match audit::verify(&pool, chain.id).await? {
            Ok(head) => writeln!(
                out,
                "{}: {} rows are intact; row {} has the hash {}",
                name(chain),
                head.rows,
                head.seq,
                head.hash
            ),
            Err(broken) => {
                is_intact = false;
                writeln!(out, "{}: {broken}", name(chain))
            }
        }
        .context("failed to write")?;
    }
    out.flush().context("failed to write")?;
    Ok(is_intact)
}

fn name(Chain { id, slug }: &Chain) -> String {
    match slug {
        _ if *id == audit::PLATFORM_CHAIN => "platform".to_owned(),
        Some(slug) => format!("tenant {slug} ({id})"),
        None => format!("tenant {id}"),
    }
}
