//! Counting and killing of processes, including those that steps leave behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill, killpg},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::{Pid, getpid},
};

/// Kills all processes of a step whose first process was `leader`: its group, its session, and every process that was
/// started with `mark` (`NAME=value`) in its environment.
///
/// A fork that has started a session of its own but no program is not found here. [`kill_children_except`] kills it when
/// no step runs.
pub(crate) fn kill_step(leader: Pid, mark: &str) {
    let _ = killpg(leader, Signal::SIGKILL);
    kill_all(|process| process.session == leader || has_mark(process.pid, mark));
}

/// Whether any of the processes to be killed remain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remaining {
    None,
    Some,
}

/// Kills all children of this process except `excluded`. When no step runs, they are orphans.
pub(crate) fn kill_children_except(excluded: Option<Pid>) -> Remaining {
    let own_pid = getpid();
    kill_all(|process| process.parent == own_pid && Some(process.pid) != excluded)
}

/// Returns whether this process is the first one of its PID namespace, as in a container.
pub(crate) fn is_first() -> bool {
    getpid() == Pid::from_raw(1)
}

/// Kills all other processes of the container and reaps those that have ended.
///
/// The first process of a PID namespace kills all others in one system call, during which none of them can fork. Outside
/// of a container, where that would kill processes of others, its descendants are killed one by one.
pub(crate) fn kill_all_and_reap() -> Remaining {
    if is_first() {
        let _ = kill(Pid::from_raw(-1), Signal::SIGKILL);
    } else {
        for process in descendants() {
            let _ = kill(process.pid, Signal::SIGKILL);
        }
    }
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG | WaitPidFlag::__WALL)) {
            Ok(WaitStatus::StillAlive) => return Remaining::Some,
            Err(Errno::ECHILD) => break,
            _ => {}
        }
    }
    // A process that was started from outside, as by `kubectl exec`, is not a child of this one.
    if is_first() && processes().any(|process| process.pid != getpid()) {
        return Remaining::Some;
    }
    Remaining::None
}

/// Returns the number of processes in `/proc`. This is fast, since it does not read their status.
pub(crate) fn count_visible() -> usize {
    pids().count()
}

/// Returns the number of descendants of this process, in total and by session.
pub(crate) fn count_descendants() -> (usize, BTreeMap<Pid, usize>) {
    let (mut count, mut sessions) = (0, BTreeMap::new());
    for process in descendants() {
        count += 1;
        *sessions.entry(process.session).or_default() += 1;
    }
    (count, sessions)
}

/// Returns the descendants of this process.
fn descendants() -> impl Iterator<Item = Process> {
    let mut children = BTreeMap::<Pid, Vec<Process>>::new();
    processes().for_each(|process| children.entry(process.parent).or_default().push(process));
    let mut next = children.remove(&getpid()).unwrap_or_default();
    std::iter::from_fn(move || {
        let process = next.pop()?;
        next.extend(children.remove(&process.pid).unwrap_or_default());
        Some(process)
    })
}

/// Number of searches for processes, each of which finds those that were forked during the one before.
const MAX_SEARCHES: u32 = 16;

/// Kills all matching processes, and repeats the search until it finds no new ones: a killed process may have forked
/// before, and its orphans become children of this process.
fn kill_all(matches: impl Fn(&Process) -> bool) -> Remaining {
    let mut killed = BTreeSet::new();
    for _ in 0..MAX_SEARCHES {
        let found: Vec<Pid> = processes()
            .filter(|process| process.pid != getpid() && matches(process))
            .map(|process| process.pid)
            .filter(|pid| killed.insert(*pid))
            .collect();
        if found.is_empty() {
            return Remaining::None;
        }
        for pid in found {
            let _ = kill(pid, Signal::SIGKILL);
        }
    }
    Remaining::Some
}

/// Process as listed in `/proc`.
struct Process {
    pid: Pid,
    parent: Pid,
    session: Pid,
}

/// Returns all visible processes that are not dead.
fn processes() -> impl Iterator<Item = Process> {
    pids().filter_map(|pid| parse_stat(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?))
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| Some(Pid::from_raw(entry.file_name().to_str()?.parse().ok()?)))
}

/// Parses `pid (name) state parent group session …`. The name may contain any character, so that the fields are counted
/// from its closing parenthesis. Returns `None` for a dead process.
fn parse_stat(pid: Pid, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace();
    let state = fields.next()?;
    let mut next = || Some(Pid::from_raw(fields.next()?.parse().ok()?));
    let (parent, _group, session) = (next()?, next()?, next()?);
    (state != "Z" && state != "X").then_some(Process { pid, parent, session })
}

/// Returns whether a process was started with this variable in its environment.
fn has_mark(pid: Pid, mark: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names with spaces and parentheses do not shift the other fields.
    #[test]
    fn names_with_spaces_and_parentheses_do_not_shift_fields() {
        let process = parse_stat(Pid::from_raw(7), "7 (a) Z (b) S 3 4 5 0 -1").unwrap();
        assert_eq!((process.parent, process.session), (Pid::from_raw(3), Pid::from_raw(5)));
        assert!(parse_stat(Pid::from_raw(7), "7 (dead) Z 3 4 5 0").is_none());
    }
}
