//! Control groups of version 2 by the numbers that sockets carry.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::host::Host;
use crate::node::mount_table;

/// Groups that are known at once.
const MOST: usize = 1 << 14;
/// How deep groups lie.
const DEEPEST: usize = 24;
/// The tree is not walked more often, however many numbers are not known.
const PAUSE: Duration = Duration::from_millis(500);

/// The tree of groups, as far as it has been walked.
#[derive(Debug)]
pub(super) struct Cgroups {
    /// Where it is mounted, as seen from here.
    mount: Option<PathBuf>,
    paths: HashMap<u64, String>,
    walked: Option<Instant>,
}

impl Cgroups {
    /// The node's tree, not walked yet.
    pub(super) fn of(host: &Host) -> Self {
        // The first process of the machine may be hidden from its users.
        let own = || (host == &Host::default()).then(|| mount_table(host, std::process::id())).flatten();
        let table = mount_table(host, 1).or_else(own).unwrap_or_default();
        let mount = table.lines().find_map(mounted_at).map(|path| host.path(path));
        Self { mount, paths: HashMap::new(), walked: None }
    }

    /// Whether it is the root of the tree, where everybody is who is nowhere else.
    pub(super) fn is_root(&self, id: u64) -> bool {
        self.mount.as_ref().and_then(|mount| fs::metadata(mount).ok()).is_some_and(|it| it.ino() == id)
    }

    /// The path of the group with this number, which is the inode of its folder; none for the root of the tree.
    pub(super) fn path(&mut self, id: u64, now: Instant) -> Option<&str> {
        if !self.paths.contains_key(&id) && self.walked.is_none_or(|walked| now - walked >= PAUSE) {
            self.walk();
            self.walked = Some(now);
        }
        self.paths.get(&id).map(String::as_str)
    }

    fn walk(&mut self) {
        let Some(mount) = &self.mount else { return };
        self.paths.clear();
        let mut folders = vec![(mount.clone(), String::new(), 0)];
        while let Some((folder, path, depth)) = folders.pop() {
            for (id, name) in groups_in(&folder) {
                let path = format!("{path}/{name}");
                if depth < DEEPEST && self.paths.len() < MOST {
                    folders.push((folder.join(&name), path.clone(), depth + 1));
                    self.paths.insert(id, path);
                }
            }
        }
    }
}

fn groups_in(folder: &Path) -> impl Iterator<Item = (u64, String)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let groups = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    groups.map(|entry| (entry.ino(), entry.file_name().to_string_lossy().into_owned()))
}

/// Where a line of mountinfo has the groups of version 2 mounted (proc(5): the type is the first word behind ` - `).
fn mounted_at(line: &str) -> Option<&str> {
    let (mount, kind) = line.split_once(" - ")?;
    let is_v2 = kind.split(' ').next() == Some("cgroup2");
    is_v2.then(|| mount.split(' ').nth(4)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_that_of_a_folder() {
        let tree = tempfile::tempdir().unwrap();
        let deep = tree.path().join("system.slice/kubelet.service");
        fs::create_dir_all(&deep).unwrap();
        let mut groups = Cgroups { mount: Some(tree.path().to_owned()), paths: HashMap::new(), walked: None };
        let now = Instant::now();
        let id = fs::metadata(&deep).unwrap().ino();
        assert_eq!(groups.path(id, now), Some("/system.slice/kubelet.service"));
        let root = fs::metadata(tree.path()).unwrap().ino();
        assert_eq!(groups.path(root, now), None);
        assert!(groups.is_root(root) && !groups.is_root(id));
    }

    #[test]
    fn what_is_new_is_found_but_not_looked_for_all_the_time() {
        let tree = tempfile::tempdir().unwrap();
        let mut groups = Cgroups { mount: Some(tree.path().to_owned()), paths: HashMap::new(), walked: None };
        let now = Instant::now();
        assert_eq!(groups.path(u64::MAX, now), None);
        fs::create_dir(tree.path().join("new")).unwrap();
        let id = fs::metadata(tree.path().join("new")).unwrap().ino();
        assert_eq!(groups.path(id, now), None);
        assert_eq!(groups.path(id, now + PAUSE), Some("/new"));
    }

    #[test]
    fn version_2_is_found_alone_and_beside_version_1() {
        let line = "33 24 0:28 / /sys/fs/cgroup/unified rw,nosuid shared:10 - cgroup2 cgroup2 rw";
        assert_eq!(mounted_at(line), Some("/sys/fs/cgroup/unified"));
        assert_eq!(mounted_at("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"), Some("/sys/fs/cgroup"));
        assert_eq!(mounted_at("33 24 0:28 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids"), None);
        assert_eq!(mounted_at("nothing"), None);
    }
}
