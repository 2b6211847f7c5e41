//! Mounts that steps could write to and that are not emptied between runs, such as a `VOLUME` of the image: the container
//! runtime mounts a directory of the node there, without a size limit.

use std::{
    collections::{HashMap, HashSet},
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, access, geteuid};

use crate::config::Config;

/// List of the mounts of this container.
const MOUNTS: &str = "/proc/self/mountinfo";
/// File systems without files of users, or whose files are those of the platform's own limits.
const PSEUDO_FILE_SYSTEMS: [&str; 8] =
    ["proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "securityfs", "nsfs"];
/// Root file system, which pods mount read-only. A sandbox may list it otherwise.
const ROOT: &str = "/";
/// File for the container's termination message, which is emptied between runs.
const TERMINATION_MESSAGE: &str = "/dev/termination-log";
/// Maximum number of files of a mount that are examined. The volumes of an image are usually empty.
const MAX_ENTRIES: usize = 10_000;

/// Returns the first path that steps could write to, apart from the directories that the host empties. A mount that cannot be
/// examined counts as writable.
pub(crate) fn find_writable(config: &Config) -> Option<PathBuf> {
    let Ok(text) = fs::read(MOUNTS) else { return Some(PathBuf::from(MOUNTS)) };
    let mounts = mounts(&String::from_utf8_lossy(&text));
    let points: HashSet<&Path> = mounts.iter().map(|mount| mount.point.as_path()).collect();
    let is_known = |path: &Path| {
        let own = [Some(config.work_dir.as_path()), config.scratch.as_deref(), config.socket.parent()];
        own.into_iter()
            .flatten()
            .chain(config.shared_dirs.iter().map(PathBuf::as_path))
            .any(|own| own == path)
            || [ROOT, TERMINATION_MESSAGE].map(Path::new).contains(&path)
    };
    let unknown = mounts.iter().filter(|mount| mount.is_writable && !is_known(&mount.point));
    unknown.into_iter().find_map(|mount| Search { mounts: &points, left: MAX_ENTRIES }.find(&mount.point))
}

/// Returns the message of steps that are refused because of a path.
pub(crate) fn message(path: &Path) -> String {
    format!(
        "steps could write to {}, which is not one of the directories for their files: the image declares a VOLUME there. Use an \
         image without it, or ask the administrators of the cluster to ignore volumes of images \
         (ignore_image_defined_volumes of containerd)",
        path.display()
    )
}

/// A mount of this container.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    point: PathBuf,
    is_writable: bool,
}

/// Returns the mounts that a text lists, as `proc_pid_mountinfo(5)` describes it. Of several with the same path, the last one
/// hides the others.
fn mounts(text: &str) -> Vec<Mount> {
    let listed: Vec<Mount> = text.lines().filter_map(parse).collect();
    let last: HashMap<PathBuf, usize> =
        listed.iter().enumerate().map(|(index, mount)| (mount.point.clone(), index)).collect();
    let is_last = |(index, mount): &(usize, Mount)| last.get(&mount.point) == Some(index);
    listed.into_iter().enumerate().filter(is_last).map(|(_, mount)| mount).collect()
}

fn parse(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(4);
    let (point, options) = (fields.next()?, fields.next()?);
    let mut fields = file_system.split(' ');
    let (kind, super_options) = (fields.next()?, fields.nth(1).unwrap_or_default());
    let is_read_only = |options: &str| options.split(',').any(|option| option == "ro");
    let is_writable = !is_read_only(options) && !is_read_only(super_options);
    Some(Mount {
        point: PathBuf::from(unescape(point)),
        is_writable: is_writable && !PSEUDO_FILE_SYSTEMS.contains(&kind),
    })
}

/// Returns a path of the list, in which a backslash and three octal digits stand for a character.
fn unescape(path: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .into_iter()
        .fold(path.to_owned(), |path, (escaped, character)| path.replace(escaped, character))
}

/// Search for a file or directory of a mount that this user can write to.
struct Search<'a> {
    /// Paths of other mounts, which are not part of this one.
    mounts: &'a HashSet<&'a Path>,
    /// Number of files that may still be examined.
    left: usize,
}

impl Search<'_> {
    fn find(&mut self, root: &Path) -> Option<PathBuf> {
        let mut pending = vec![root.to_owned()];
        while let Some(path) = pending.pop() {
            match self.examine(&path) {
                Ok(entries) => {
                    pending.extend(entries.into_iter().filter(|entry| !self.mounts.contains(entry.as_path())))
                }
                Err(Writable) => return Some(path),
            }
        }
        None
    }

    /// Returns the entries of a directory that steps cannot write to.
    fn examine(&mut self, path: &Path) -> Result<Vec<PathBuf>, Writable> {
        self.left = self.left.checked_sub(1).ok_or(Writable)?;
        // A file that is not found by its path cannot be written to either.
        let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(Vec::new()) };
        if !metadata.is_dir() && !metadata.is_file() {
            return Ok(Vec::new());
        }
        // Its owner can make a file writable.
        if metadata.uid() == geteuid().as_raw() || access(path, AccessFlags::W_OK).is_ok() {
            return Err(Writable);
        }
        if !metadata.is_dir() {
            return Ok(Vec::new());
        }
        match fs::read_dir(path) {
            Ok(entries) => {
                entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(|_| Writable)
            }
            // What is below a directory that can be passed and not listed is unknown.
            Err(_) if access(path, AccessFlags::X_OK).is_ok() => Err(Writable),
            Err(_) => Ok(Vec::new()),
        }
    }
}

/// Steps can write to a path, or that cannot be excluded.
#[derive(Debug)]
struct Writable;

#[cfg(test)]
mod tests {
    use super::*;

    /// Read-only mounts and pseudo file systems are not writable, and of several mounts at a path the last one counts.
    #[test]
    fn writable_mounts_are_recognized() {
        let text = "\
            21 1 0:20 / / ro,relatime - overlay overlay rw,lowerdir=/a\n\
            22 21 0:21 / /proc rw,nosuid - proc proc rw\n\
            23 21 0:22 / /tmp rw - ext4 /dev/vda rw\n\
            24 21 0:23 / /tmp ro master:1 - tmpfs tmpfs rw,size=1k\n\
            25 21 8:1 /volumes/c0ffee /var/lib/my\\040data rw,relatime shared:7 - ext4 /dev/vda rw\n\
            26 21 0:24 / /snap rw - squashfs /dev/loop0 ro\n";
        let writable: Vec<_> =
            mounts(text).into_iter().filter(|mount| mount.is_writable).map(|mount| mount.point).collect();
        assert_eq!(writable, [PathBuf::from("/var/lib/my data")]);
    }
}
