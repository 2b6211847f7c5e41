//! Kills what steps leave behind.

use std::{collections::BTreeSet, fs};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::{Pid, getpid},
};

/// Kills all that belongs to a step whose first process was `leader`: its group, its session, and every
/// process that has `mark` (`NAME=value`) in the environment that it was started with.
///
/// What slips through (a fork that took a session of its own and started no program) is caught by
/// [`strays`], when no step runs.
pub(crate) fn step(leader: Pid, mark: &str) {
    let _ = killpg(leader, Signal::SIGKILL);
    kill_all(|process| process.session == leader || has_mark(process.pid, mark));
}

/// Kills all children of this process but `keep`: they are orphans, or processes that do not belong here.
pub(crate) fn strays(keep: Pid) {
    let me = getpid();
    kill_all(|process| process.parent == me && process.pid != keep);
}

/// Looks again as long as there is somebody new: who is killed may have forked, and orphans come to us.
fn kill_all(belongs: impl Fn(&Process) -> bool) {
    let mut killed = BTreeSet::new();
    loop {
        let found: Vec<Pid> = processes()
            .filter(|process| process.pid != getpid() && belongs(process))
            .map(|process| process.pid)
            .filter(|pid| killed.insert(*pid))
            .collect();
        if found.is_empty() {
            return;
        }
        for pid in found {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
}

struct Process {
    pid: Pid,
    parent: Pid,
    session: Pid,
}

/// All processes that can be seen and are not dead.
fn processes() -> impl Iterator<Item = Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        parse(Pid::from_raw(pid), &fs::read_to_string(entry.path().join("stat")).ok()?)
    })
}

/// `pid (name) state parent group session …`; the name may contain anything, so count from its end.
fn parse(pid: Pid, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let mut next = || Some(Pid::from_raw(fields.next()?.parse().ok()?));
    let (parent, _group, session) = (next()?, next()?, next()?);
    (state != "Z" && state != "X").then_some(Process { pid, parent, session })
}

fn has_mark(pid: Pid, mark: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process whose name looks like a state is killed, or spared, in another's place.
    #[test]
    fn names_with_spaces_and_brackets_do_not_shift_the_fields() {
        let process = parse(Pid::from_raw(7), "7 (a) Z (b) S 3 4 5 0 -1").unwrap();
        assert_eq!((process.parent, process.session), (Pid::from_raw(3), Pid::from_raw(5)));
        assert!(parse(Pid::from_raw(7), "7 (dead) Z 3 4 5 0").is_none());
    }
}
