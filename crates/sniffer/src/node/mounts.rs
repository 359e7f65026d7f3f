//! What a mount table (`/proc/PID/mountinfo`, proc(5)) says of namespaces and of containers' files.

use std::collections::BTreeMap;

use super::id::{ContainerId, PodUid};
use super::records::{Place, of_mount};
use crate::process::netns_inode;

/// The namespace files among the mounts that can still be seen: path to inode.
pub(crate) fn namespace_files(table: &str) -> BTreeMap<String, u64> {
    let mounts = Mounts::read(table);
    let nets = mounts.all.iter().filter_map(|mount| Some((mount, netns_inode(&mount.root)?)));
    nets.filter(|(mount, _)| !mounts.hides(mount)).map(|(mount, inode)| (mount.at.clone(), inode)).collect()
}

/// One mount.
#[derive(Debug)]
struct Mount {
    id: u64,
    parent: u64,
    /// The number of its file system.
    device: String,
    /// What of its file system is mounted.
    root: String,
    /// Where.
    at: String,
}

/// A mount table.
#[derive(Debug, Default)]
pub(crate) struct Mounts {
    all: Vec<Mount>,
    /// The mounts on each mount, as places in `all`.
    on: BTreeMap<u64, Vec<usize>>,
}

impl Mounts {
    pub(crate) fn read(table: &str) -> Self {
        let all: Vec<Mount> = table.lines().filter_map(mount).collect();
        let mut on: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (index, mount) in all.iter().enumerate().filter(|(_, mount)| mount.id != mount.parent) {
            on.entry(mount.parent).or_default().push(index);
        }
        Self { all, on }
    }

    /// Whether something was mounted over a mount or over a folder above it, later: beside it, on the same mount, but
    /// nearer to the root. (Mounts made in its own folder before it are what it is mounted on.)
    fn hides(&self, mount: &Mount) -> bool {
        let mut below = mount;
        // A table that goes in circles is no kernel's.
        for _ in 0..self.all.len() {
            let mut beside = self.on.get(&below.parent).into_iter().flatten().map(|index| &self.all[*index]);
            if beside.any(|other| other.id != below.id && is_above(&other.at, &below.at)) {
                return true;
            }
            match self.all.iter().find(|other| other.id == below.parent) {
                Some(parent) if parent.id != parent.parent => below = parent,
                _ => break,
            }
        }
        self.on.get(&mount.id).into_iter().flatten().any(|index| self.all[*index].at == mount.at)
    }

    /// Where the node has a file that another process has mounted: by the file system and the path within it. A container
    /// can make any path in a file system of its own, but the node sees that one only where its runtime keeps it.
    pub(crate) fn paths_of<'a>(
        &'a self,
        device: &'a str,
        path: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        let of_device = self.all.iter().filter(move |mount| mount.device == device);
        of_device.filter_map(move |mount| {
            let rest = path.strip_prefix(mount.root.trim_end_matches('/'))?;
            rest.starts_with('/').then(|| format!("{}{rest}", mount.at.trim_end_matches('/')))
        })
    }
}

/// Whether `path` is `folder` or lies in it.
fn is_above(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder.trim_end_matches('/'))
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A container or pod whose files a process has mounted over those of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trace {
    /// A container, and the folder its runtime keeps it in.
    Container(Place, ContainerId),
    /// A pod, by the `etc-hosts` that the kubelet made for it.
    Pod(PodUid),
}

/// What the sources of a process's own `/etc` files say about it, the container before the pod. Sources are paths within
/// a file system; `node` is the node's own mount table, which tells where that is mounted.
pub(crate) fn traces(table: &str, node: &Mounts) -> Vec<Trace> {
    let mounted = table
        .lines()
        .filter_map(mount)
        .filter(|mount| mount.at.starts_with("/etc/") || mount.at.starts_with("/run/"));
    let mut traces: Vec<Trace> = Vec::new();
    for mount in mounted {
        let on_node: Vec<String> = node.paths_of(&mount.device, &mount.root).collect();
        // Without the node's table, or where it lacks the file system, the path is all there is.
        let paths = if on_node.is_empty() { vec![mount.root] } else { on_node };
        traces.extend(paths.iter().filter_map(|path| trace(path)));
    }
    traces.sort_by_key(|trace| matches!(trace, Trace::Pod(_)));
    traces.dedup();
    traces
}

fn trace(source: &str) -> Option<Trace> {
    if let Some((place, id)) = of_mount(source) {
        return Some(Trace::Container(place, id));
    }
    if let Some((uid, _)) = source.rsplit_once("/pods/").and_then(|(_, rest)| rest.split_once("/etc-hosts")) {
        return PodUid::new(uid).map(Trace::Pod);
    }
    let (folder, _) = source.rsplit_once('/')?;
    let (folder, id) = folder.rsplit_once('/')?;
    let is_docker = folder.ends_with("/containers") && !folder.contains("io.containerd");
    let place = is_docker.then(|| Place::Docker(folder.trim_start_matches('/').to_owned()))?;
    Some(Trace::Container(place, ContainerId::new(id)?))
}

/// A line of the table (proc(5), `/proc/PID/mountinfo`).
fn mount(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    let (id, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let (device, root, at) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Mount { id, parent, device: device.to_owned(), root: unescaped(root), at: unescaped(at) })
}

/// Spaces and the like are written as a backslash and three octal digits.
fn unescaped(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let mut rest = field;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        match after.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(byte) if byte.is_ascii() => {
                text.push(char::from(byte));
                rest = &after[3..];
            }
            _ => {
                text.push('\\');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn line(root: &str, at: &str) -> String {
        format!("574 558 254:0 {root} {at} rw,relatime - ext4 /dev/vda rw\n")
    }

    #[test]
    fn namespace_files_have_their_inodes() {
        let table = "94 27 0:4 net:[4026532185] /run/netns/a\\040b rw shared:5 - nsfs nsfs rw\n\
            95 27 0:4 mnt:[4026532186] /run/snapd/ns/x rw - nsfs nsfs rw\n1 2 0:3 / / rw - ext4 /dev/vda rw\n";
        assert_eq!(namespace_files(table), [("/run/netns/a b".to_owned(), 4_026_532_185)].into());
    }

    #[test]
    fn what_was_mounted_over_hides_what_is_below() {
        let net = |id: u32, parent: u32, inode: u64, at: &str| {
            format!("{id} {parent} 0:4 net:[{inode}] {at} rw - nsfs nsfs rw\n")
        };
        let fs = |id: u32, parent: u32, at: &str| format!("{id} {parent} 0:9 / {at} rw - tmpfs tmpfs rw\n");
        let base = fs(1, 0, "/") + &fs(2, 1, "/run");
        let bind = fs(3, 2, "/run/netns");
        let seen = |table: String| namespace_files(&table).into_keys().collect::<Vec<_>>();
        // As `ip netns` does it: the folder is mounted on itself first.
        assert_eq!(seen(base.clone() + &bind + &net(4, 3, 7, "/run/netns/a")), ["/run/netns/a"]);
        // A folder, or what is above it, was mounted over later.
        assert!(seen(base.clone() + &net(4, 2, 7, "/run/netns/a") + &bind).is_empty());
        assert!(seen(base.clone() + &bind + &net(4, 3, 7, "/run/netns/a") + &fs(5, 2, "/run")).is_empty());
        assert!(seen(base.clone() + &net(4, 2, 7, "/run/netns/a") + &fs(5, 1, "/")).is_empty());
        // Two of one name: the upper one counts. A name that begins alike is another.
        let two = net(4, 2, 7, "/run/netns/a") + &net(5, 4, 8, "/run/netns/a");
        assert_eq!(namespace_files(&(base.clone() + &two)), [("/run/netns/a".to_owned(), 8)].into());
        assert_eq!(seen(base + &net(4, 2, 7, "/run/netns-b") + &bind), ["/run/netns-b"]);
    }

    #[test]
    fn a_source_is_where_the_node_has_its_file_system() {
        let node = Mounts::read("1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 /disk /srv/big rw - ext4 b rw\n");
        let hosts = format!("9 8 8:2 /disk/docker/containers/{ID}/hosts /etc/hosts rw - ext4 b rw\n");
        let place = Place::Docker("srv/big/docker/containers".into());
        assert_eq!(traces(&hosts, &node), [Trace::Container(place, ContainerId::new(ID).unwrap())]);
    }

    #[test]
    fn the_sources_of_files_name_container_and_pod() {
        let id = ContainerId::new(ID).unwrap();
        let storage = "/run/user/1001/containers/vfs-containers";
        let cases = [
            (
                format!("{storage}/{ID}/userdata/hosts"),
                Some(Trace::Container(Place::Storage(storage[1..].into()), id.clone())),
            ),
            (
                format!("/srv/docker/containers/{ID}/hosts"),
                Some(Trace::Container(Place::Docker("srv/docker/containers".into()), id)),
            ),
            (format!("/var/lib/containerd/io.containerd.grpc.v1.cri/containers/{ID}/hosts"), None),
            ("/srv/hosts".into(), None),
        ];
        for (source, found) in cases {
            assert_eq!(
                traces(&line(&source, "/etc/hosts"), &Mounts::default()),
                found.into_iter().collect::<Vec<_>>(),
                "{source}"
            );
        }
        let uid = "11111111-2222-3333-4444-555555555555";
        let hosts = line(&format!("/var/lib/kubelet/pods/{uid}/etc-hosts"), "/etc/hosts");
        assert_eq!(traces(&hosts, &Mounts::default()), [Trace::Pod(PodUid::new(uid).unwrap())]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC*") {
            let _ = (namespace_files(&text), traces(&text, &Mounts::read(&text)), unescaped(&text));
        }
    }
}
