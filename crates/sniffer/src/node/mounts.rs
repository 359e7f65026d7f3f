//! What a mount table (`/proc/PID/mountinfo`, proc(5)) says of namespaces and of containers' files.

use std::collections::BTreeMap;

use super::id::{ContainerId, PodUid};
use super::records::{Place, of_mount};
use crate::process::netns_inode;

/// The namespace files among the mounts: path to inode.
pub(crate) fn namespace_files(table: &str) -> BTreeMap<String, u64> {
    let nets = table.lines().filter_map(fields);
    nets.filter_map(|(root, at)| Some((unescaped(at), netns_inode(root)?))).collect()
}

/// A container or pod whose files a process has mounted over those of its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Trace {
    /// A container, and the folder its runtime keeps it in.
    Container(Place, ContainerId),
    /// A pod, by the `etc-hosts` that the kubelet made for it.
    Pod(PodUid),
}

/// What the sources of a process's own `/etc` files say about it, the container before the pod.
pub(crate) fn traces(table: &str) -> Vec<Trace> {
    let mounted =
        table.lines().filter_map(fields).filter(|(_, at)| at.starts_with("/etc/") || at.starts_with("/run/"));
    let mut traces: Vec<Trace> = mounted.filter_map(|(root, _)| trace(&unescaped(root))).collect();
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

/// The root of a mount within its file system, and where it is mounted.
fn fields(line: &str) -> Option<(&str, &str)> {
    let mut fields = line.split(' ');
    Some((fields.nth(3)?, fields.next()?))
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
                traces(&line(&source, "/etc/hosts")),
                found.into_iter().collect::<Vec<_>>(),
                "{source}"
            );
        }
        let uid = "11111111-2222-3333-4444-555555555555";
        let hosts = line(&format!("/var/lib/kubelet/pods/{uid}/etc-hosts"), "/etc/hosts");
        assert_eq!(traces(&hosts), [Trace::Pod(PodUid::new(uid).unwrap())]);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC*") {
            let _ = (namespace_files(&text), traces(&text), unescaped(&text));
        }
    }
}
