//! Instances whose checkout was deleted. No `cargo xtask` command can stop them, because each acts on its own
//! checkout.

use anyhow::Context;

use crate::checkout::Checkout;
use crate::cluster::boot::{self, Data};
use crate::instance::{Instance, read_record};
use crate::phase::Phase;
use crate::test::postgres::Postgres;

/// Stops and removes all instances whose checkout does not exist any more.
pub(crate) fn remove(phase: &mut Phase<'_>, checkout: &Checkout, instance: &Instance) -> anyhow::Result<()> {
    let Some(states) = instance.dir.parent().filter(|states| states.is_dir()) else { return Ok(()) };
    let mut removed = 0;
    for entry in std::fs::read_dir(states).with_context(|| format!("failed to read {}", states.display()))? {
        let dir = entry?.path();
        let Some(record) = read_record(&dir)? else { continue };
        if record.checkout.exists() {
            continue;
        }
        boot::down(phase, checkout, &dir.join("kube"), Data::Purge)?;
        Postgres::for_instance_folder(&dir, record.ports)?.stop(phase)?;
        std::fs::remove_dir_all(&dir).with_context(|| format!("failed to remove {}", dir.display()))?;
        removed += 1;
    }
    phase.outcome(format!("{removed} removed"));
    Ok(())
}
