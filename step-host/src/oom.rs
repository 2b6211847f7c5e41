//! How often the kernel killed for want of memory in this container.

use std::fs;

/// Where the count is: cgroup v2, then v1. Both are what a container sees of its own group.
const FILES: [&str; 2] = ["/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"];

/// The count so far; 0 where it cannot be had, so that a kill is then told as a signal.
pub(crate) fn kills() -> u64 {
    FILES.iter().find_map(|path| count(&fs::read_to_string(path).ok()?)).unwrap_or(0)
}

fn count(file: &str) -> Option<u64> {
    file.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A step that ran out of memory is reported as a mere signal 9.
    #[test]
    fn the_count_is_read_from_both_versions() {
        assert_eq!(count("oom_kill_disable 0\nunder_oom 0\noom_kill 3\n"), Some(3));
        assert_eq!(count("low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n"), Some(2));
        assert_eq!(count("oom_kill_disable 0\n"), None);
    }
}
