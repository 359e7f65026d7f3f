//! Files that stand for network namespaces.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;

use super::mounts;
use super::processes::Processes;
use super::scope;
use crate::host::Host;
use crate::pod_files::MAX_ENTRIES;

/// Where `ip netns` looks, and Docker's own folder, which it does not, below `/run`.
const FOLDERS: [&str; 2] = ["netns", "docker/netns"];
/// Processes of the node itself whose mount table is asked for, until one shows it.
const MOST_ASKED: usize = 8;

/// By path, as the node names it.
pub(super) type NamespaceFiles = BTreeMap<String, Option<u64>>;

/// The folder `name` of `/run` below the node's root, also where a node keeps it in `/var/run`. That is usually a link to
/// `/run`; then it is left out: followed from here it leads to the `/run` of the reader, not of the node.
pub(crate) fn folders_in_run(host: &Host, name: &str) -> Vec<String> {
    let is_link = host.path("var/run").symlink_metadata().is_ok_and(|it| it.is_symlink());
    let places = if is_link { &["run"][..] } else { &["run", "var/run"] };
    places.iter().map(|place| format!("{place}/{name}")).collect()
}

/// All of them: from the mount table of the first process that shows one (another root may not carry the mounts
/// themselves), and from the files.
pub(super) fn all(host: &Host, processes: &Processes) -> NamespaceFiles {
    let mut pids = processes.by_pid.iter().filter(|(_, seen)| seen.place.is_nowhere()).map(|(pid, _)| *pid);
    let table =
        pids.by_ref().take(MOST_ASKED).find_map(|pid| scope::mount_table(host, pid)).unwrap_or_default();
    let mut files: NamespaceFiles =
        mounts::namespace_files(&table).into_iter().map(|(path, inode)| (path, Some(inode))).collect();
    for folder in FOLDERS.iter().flat_map(|name| folders_in_run(host, name)) {
        let Ok(entries) = fs::read_dir(host.path(&folder)) else { continue };
        for entry in entries.flatten().take(MAX_ENTRIES) {
            let folder = folder.strip_prefix("var/").unwrap_or(&folder);
            let path = format!("/{folder}/{}", entry.file_name().to_string_lossy());
            files.entry(path).or_insert_with(|| nsfs_inode(&entry));
        }
    }
    files
}

/// The inode of a namespace file; a file of another kind was left over, or its mount is not seen from here.
fn nsfs_inode(entry: &fs::DirEntry) -> Option<u64> {
    let metadata = entry.path().symlink_metadata().ok()?;
    // A namespace is a file without content that is read-only for everyone, on the kernel's own file system (device
    // major number 0); the file it is mounted on is none of that.
    let is_nsfs =
        metadata.is_file() && metadata.mode() & 0o222 == 0 && nix::sys::stat::major(metadata.dev()) == 0;
    is_nsfs.then(|| metadata.ino())
}
