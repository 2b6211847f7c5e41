//! Counting and killing of processes, including those that steps leave behind.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
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

/// Kills all children of this process except `excluded`. When no step runs, they are orphans.
pub(crate) fn kill_children_except(excluded: Option<Pid>) {
    let own_pid = getpid();
    kill_all(|process| process.parent == own_pid && Some(process.pid) != excluded);
}

/// Returns the number of processes in `/proc`. This is fast, since it does not read their status.
pub(crate) fn count_visible() -> usize {
    pids().count()
}

/// Returns the number of descendants of this process, in total and by session.
pub(crate) fn count_descendants() -> (usize, BTreeMap<Pid, usize>) {
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

/// Kills all matching processes, and repeats the search until it finds no new ones: a killed process may have forked
/// before, and its orphans become children of this process.
fn kill_all(matches: impl Fn(&Process) -> bool) {
    let mut killed = BTreeSet::new();
    loop {
        let found: Vec<Pid> = processes()
            .filter(|process| process.pid != getpid() && matches(process))
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
