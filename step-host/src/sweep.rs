//! Kills what steps leave behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

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
pub(crate) fn strays(keep: Option<Pid>) {
    let me = getpid();
    kill_all(|process| process.parent == me && Some(process.pid) != keep);
}

/// Removes all that is in a directory; what cannot be removed stays.
pub(crate) fn files(directory: &Path) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let _ = if is_directory { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
    }
}

/// How many processes can be seen. Cheap: none of them is looked at.
pub(crate) fn count() -> usize {
    pids().count()
}

/// How many processes descend from this one, and how many of them each session has.
pub(crate) fn descendants() -> (usize, BTreeMap<Pid, usize>) {
    let mut children = BTreeMap::<Pid, Vec<Process>>::new();
    processes().for_each(|process| children.entry(process.parent).or_default().push(process));
    let (mut count, mut sessions, mut parents) = (0, BTreeMap::new(), vec![getpid()]);
    while let Some(parent) = parents.pop() {
        for child in children.remove(&parent).unwrap_or_default() {
            count += 1;
            *sessions.entry(child.session).or_default() += 1;
            parents.push(child.pid);
        }
    }
    (count, sessions)
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
    pids().filter_map(|pid| parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
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
