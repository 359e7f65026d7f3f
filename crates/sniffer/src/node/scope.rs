//! Finding what is written down about containers that are not where runtimes keep them by default, and for nodes that run
//! as containers.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;

use super::cgroup::Role;
use super::id::ContainerId;
use super::mounts::{self, Mounts, Trace};
use super::processes::{Processes, Seen};
use super::records::{self, Memory, Part, Record};
use super::{Scopes, Written};
use crate::host::Host;
use crate::pod_files::Root;
use crate::process::Process;

/// Mount tables and shims looked at because a container is not written down in a known place.
const MOST_TRACES: usize = 256;
/// Containers looked into because they act as nodes.
const MOST_NODES: usize = 16;
/// The longest mount table that is read, in bytes: a node has some mounts for each of its containers.
const MAX_TABLE: u64 = 16 << 20;

/// Everything written down, on the machine and on nodes that run as its containers.
pub(super) fn all(host: &Host, root: &Root, processes: &Processes, before: Memory) -> Scopes {
    let mut written = Written::read(root, before);
    trace(host, root, processes, &mut written);
    let mut scopes = Scopes::from([(None, written)]);
    let nodes: BTreeSet<&ContainerId> =
        processes.by_pid.values().filter_map(|seen| seen.place.within.as_ref()).collect();
    for node in nodes.into_iter().take(MOST_NODES) {
        if let Some(inner) = root_of(host, processes, node) {
            scopes.insert(Some(node.clone()), Written::read(&inner, Memory::default()));
        }
    }
    scopes
}

/// The file system of a container that acts as a node, through the first of its processes that is still there.
fn root_of(host: &Host, processes: &Processes, node: &ContainerId) -> Option<Root> {
    let own = |seen: &Seen| seen.place.within.is_none() && seen.place.container.as_ref() == Some(node);
    let mut pids = processes.by_pid.iter().filter(|(_, seen)| own(seen)).map(|(pid, _)| *pid);
    pids.find_map(|pid| Process::open(host, pid).ok()?.root().ok())
}

/// Follows the traces that unknown containers have left in the process table: their parent (a shim works in the bundle,
/// conmon has the folder on its command line), and the sources of their mounts. One container of a folder leads to all of
/// it. What the parent's files are read from is the parent's own root: its runtime may see another file system.
fn trace(host: &Host, root: &Root, processes: &Processes, written: &mut Written) {
    let (mut tried, mut roots) = (BTreeSet::new(), BTreeSet::new());
    let mut mounts = None;
    for (pid, seen) in &processes.by_pid {
        let place = &seen.place;
        let Some(id) =
            place.container.as_ref().filter(|_| place.within.is_none() && place.role == Role::Workload)
        else {
            continue;
        };
        if is_told(written, id) || tried.len() >= MOST_TRACES || !tried.insert(id.clone()) {
            continue;
        }
        let parent = parent_outside(host, processes, *pid);
        let other = parent.and_then(|parent| Process::open(host, parent).ok()?.root().ok());
        let root = other.as_ref().unwrap_or(root);
        if let Some(parent) = parent
            && fs::read_link(host.process(parent).join("ns/mnt")).is_ok_and(|mounts| roots.insert(mounts))
        {
            written.add(Written::read(root, Memory::default()));
        }
        if let Some(folder) = parent.and_then(|parent| folder_of(host, parent)) {
            written.records.look_in(root, &folder);
        }
        if !is_told(written, id) {
            let mounts = mounts.get_or_insert_with(|| mounts_of_node(host));
            for trace in traces(host, *pid, mounts) {
                if let Trace::Container(folder, _) = trace {
                    written.records.look_in(root, &folder);
                }
            }
        }
    }
}

/// Whether enough is known of a container to name it.
fn is_told(written: &Written, id: &ContainerId) -> bool {
    let named =
        |record: &Record| record.pod.is_some() || record.name.is_some() || record.part == Part::Sandbox;
    written.records.get(id).is_some_and(named)
}

/// The parent of a container's process, if it belongs to the node itself: only then is it believed.
pub(super) fn parent_outside(host: &Host, processes: &Processes, pid: u32) -> Option<u32> {
    let parent = parent_of(host, pid)?;
    let place = &processes.by_pid.get(&parent)?.place;
    // A container may have made a cgroup for itself that is named like a monitor's.
    let is_monitor = place.role == Role::Monitor && place.within.is_none();
    (place.is_nowhere() || is_monitor).then_some(parent)
}

/// The folder that a shim or a conmon keeps its container in.
pub(super) fn folder_of(host: &Host, parent: u32) -> Option<records::Place> {
    let directory = fs::read_link(host.process(parent).join("cwd")).ok();
    let shim = directory.and_then(|directory| records::of_shim(directory.to_str()?));
    shim.or_else(|| records::of_conmon(&fs::read(host.process(parent).join("cmdline")).ok()?))
}

/// The parent of a process, after the last `)` of its `stat` line (proc(5)).
pub(super) fn parent_of(host: &Host, pid: u32) -> Option<u32> {
    let stat = fs::read(host.process(pid).join("stat")).ok()?;
    let after_name = stat.iter().rposition(|byte| *byte == b')')?;
    String::from_utf8_lossy(&stat[after_name + 1..]).split_whitespace().nth(1)?.parse().ok()
}

/// What the mounts of a process say about it.
pub(super) fn traces(host: &Host, pid: u32, node: &Mounts) -> Vec<Trace> {
    mount_table(host, pid).map_or_else(Vec::new, |table| mounts::traces(&table, node))
}

/// The mounts of the node itself.
pub(super) fn mounts_of_node(host: &Host) -> Mounts {
    mount_table(host, 1).map_or_else(Mounts::default, |table| Mounts::read(&table))
}

/// The mounts that a process sees.
pub(crate) fn mount_table(host: &Host, pid: u32) -> Option<String> {
    let mut table = Vec::new();
    let file = File::open(host.process(pid).join("mountinfo")).ok()?;
    file.take(MAX_TABLE).read_to_end(&mut table).ok()?;
    Some(String::from_utf8_lossy(&table).into_owned())
}
