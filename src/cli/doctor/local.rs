//! What this machine shows: the store, its file system, and the room on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cli::open;
use crate::doctor::LocalFacts;

/// Where Linux lists what is mounted (proc(5)).
const MOUNTS: &str = "/proc/self/mountinfo";

/// The store at `path` and where it lies, without what is in it.
pub fn look_at_store(path: &Path) -> LocalFacts {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    // Symbolic links may lead to another file system.
    let real = folder.canonicalize().ok();
    let mounts = std::fs::read_to_string(MOUNTS).ok();
    LocalFacts {
        store: open::store_facts(path),
        folder_exists: folder.is_dir(),
        file_system: real.zip(mounts).and_then(|(real, mounts)| file_system_of(&real, &mounts)),
        free_bytes: free_bytes(&folder),
        breakers: BTreeMap::new(),
        advice: BTreeMap::new(),
    }
}

/// The type of the file system that an absolute path lies on, of a text as in
/// /proc/self/mountinfo: that of the longest mount point above it, of equals the one mounted last.
pub fn file_system_of(path: &Path, mounts: &str) -> Option<String> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        // `36 35 98:0 / /mnt rw,noatime shared:1 - ext4 /dev/sda1 rw` (proc(5)).
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else {
            continue;
        };
        let point = unescaped(point);
        let length = point.len();
        if path.starts_with(&point) && best.is_none_or(|(longest, _)| length >= longest) {
            best = Some((length, kind));
        }
    }
    best.map(|(_, kind)| kind.to_owned())
}

/// The kernel writes blanks, tabs, line ends and backslashes in octal.
fn unescaped(point: &str) -> String {
    let coded = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    coded.iter().fold(point.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(unix)]
fn free_bytes(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    // Without what is kept for root.
    found.f_bavail.checked_mul(found.f_frsize)
}

#[cfg(not(unix))]
fn free_bytes(_folder: &Path) -> Option<u64> {
    None
}
