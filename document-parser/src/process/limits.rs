//! The limits that the process sets for itself, and that it cannot raise again.

use std::io;

use protocol::parsing::Limits;
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, Signal, set_dumpable_behavior, set_parent_process_death_signal,
    setrlimit,
};
use rustix::thread::set_no_new_privs;

use super::error::Error;

/// Address space until the request is read: far more than reading a line needs, and less than any machine has.
const INITIAL_MEMORY_BYTES: u64 = 4 * 1024 * 1024 * 1024;
/// CPU time until the request is read, in seconds.
const INITIAL_CPU_SECONDS: u64 = 600;
/// Open files until the tokenizer is read: three standard streams, the tokenizer, and a few of the C library.
const INITIAL_FILES: u64 = 16;
/// Seconds of CPU time between the signal that ends the process and the one that it cannot even ignore.
const CPU_GRACE_SECONDS: u64 = 2;

/// Restricts what the process may do, before it reads anything.
///
/// - It dies with its parent, gets no privileges by `execve`, and nobody can trace it.
/// - It writes to no file (only to pipes), leaves no core dump, and starts neither a process nor a thread. The last limit
///   has no effect for root, whom the kernel exempts.
///
/// # Errors
/// Returns an error if the kernel refuses a limit.
pub(super) fn restrict_process() -> Result<(), Error> {
    let set = |name, result: rustix::io::Result<()>| result.map_err(|error| failed(name, error));
    set("PR_SET_PDEATHSIG", set_parent_process_death_signal(Some(Signal::KILL)))?;
    set("PR_SET_NO_NEW_PRIVS", set_no_new_privs(true))?;
    set("PR_SET_DUMPABLE", set_dumpable_behavior(DumpableBehavior::NotDumpable))?;
    limit("RLIMIT_CORE", Resource::Core, 0)?;
    limit("RLIMIT_FSIZE", Resource::Fsize, 0)?;
    limit("RLIMIT_NPROC", Resource::Nproc, 0)?;
    limit("RLIMIT_NOFILE", Resource::Nofile, INITIAL_FILES)?;
    limit("RLIMIT_CPU", Resource::Cpu, INITIAL_CPU_SECONDS)?;
    limit("RLIMIT_AS", Resource::As, INITIAL_MEMORY_BYTES)
}

/// Applies the limits of the request.
///
/// # Errors
/// Returns an error if the kernel refuses a limit.
pub(super) fn restrict_resources(limits: Limits) -> Result<(), Error> {
    let Limits { memory_bytes, cpu_seconds, text_bytes: _, chunks: _ } = limits;
    limit("RLIMIT_AS", Resource::As, memory_bytes.min(INITIAL_MEMORY_BYTES))?;
    let seconds = cpu_seconds.min(INITIAL_CPU_SECONDS - CPU_GRACE_SECONDS);
    let cpu = Rlimit { current: Some(seconds), maximum: Some(seconds + CPU_GRACE_SECONDS) };
    setrlimit(Resource::Cpu, cpu).map_err(|error| failed("RLIMIT_CPU", error))
}

/// Forbids to open files, sockets and anything else that has a descriptor. Those that are open can still be used.
///
/// # Errors
/// Returns an error if the kernel refuses the limit.
pub(super) fn forbid_files() -> Result<(), Error> {
    limit("RLIMIT_NOFILE", Resource::Nofile, 0)
}

fn limit(name: &'static str, resource: Resource, value: u64) -> Result<(), Error> {
    setrlimit(resource, Rlimit { current: Some(value), maximum: Some(value) })
        .map_err(|error| failed(name, error))
}

fn failed(name: &'static str, error: rustix::io::Errno) -> Error {
    Error::SetLimit { name, source: io::Error::from(error) }
}
