//! Number of processes that the kernel has killed in this container because of the memory limit.

use std::fs;

/// Files with the count, for cgroup v2 and v1, as a container sees its own group.
const FILES: [&str; 2] = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// Returns the count so far, or 0 if it cannot be read; a kill is then reported as a signal.
pub(crate) fn count() -> u64 {
    FILES.iter().find_map(|path| parse_count(&fs::read_to_string(path).ok()?)).unwrap_or(0)
}

fn parse_count(file: &str) -> Option<u64> {
    file.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The count is read from both cgroup versions.
    #[test]
    fn the_count_is_read_from_both_cgroup_versions() {
        assert_eq!(parse_count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(parse_count("low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(parse_count("oom_kill_disable 0\n"), None);
    }
}
