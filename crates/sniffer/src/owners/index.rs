//! Whose the processes and groups of one network namespace are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::told::Who;
use crate::node::{Container, Entry, Kind, Node, Place};
use crate::process::Process;

/// The longest cgroup file that is read, in bytes.
const MAX_CGROUP: u64 = 64 << 10;

/// Whether more than one may ask in the namespace with this inode: pods and the node itself, containers of one pod.
pub(super) fn is_shared(node: &Node, netns: u64) -> bool {
    let here = || node.entries.iter().filter(|entry| entry.netns == Some(netns));
    let running = |entry: &Entry| entry.containers.iter().filter(|it| it.pid.is_some()).count();
    here().count() > 1 || here().any(|entry| running(entry) > 1)
}

/// Those that share one network namespace.
#[derive(Debug, Default)]
pub(super) struct Index {
    entries: Vec<Arc<Entry>>,
    by_pid: BTreeMap<u32, Who>,
    /// Whether every container has a control group of version 2 for itself.
    has_groups: bool,
}

impl Index {
    /// Those of `node` that share the namespace with this inode.
    pub(super) fn of(node: &Node, netns: u64) -> Self {
        let here = node.entries.iter().filter(|entry| entry.netns == Some(netns));
        let entries: Vec<Arc<Entry>> = here.map(|entry| Arc::new(entry.clone())).collect();
        let mut by_pid = BTreeMap::new();
        for entry in &entries {
            for pid in &entry.pids {
                by_pid.insert(*pid, who(entry, container_of(entry, *pid)));
            }
        }
        let mut index = Self { entries, by_pid, has_groups: false };
        index.has_groups = index.first_pids().iter().all(|pid| has_group(node, *pid));
        index
    }

    /// Who asks from the root of the groups: nobody in a container, where those have groups for themselves.
    pub(super) fn at_root(&self) -> Option<Who> {
        let has_node = self.entries.iter().any(|entry| entry.kind == Kind::Host);
        (self.has_groups && has_node).then_some(Who::Node)
    }

    /// Whose a process is that was there when the node was looked at.
    pub(super) fn by_pid(&self, pid: u32) -> Option<&Who> {
        self.by_pid.get(&pid)
    }

    /// Whose a control group is; `None` for one of a container that is not known (yet), or that is elsewhere.
    pub(super) fn by_place(&self, place: &Place) -> Option<Who> {
        if place.is_nowhere() {
            return self.entries.iter().any(|entry| entry.kind == Kind::Host).then_some(Who::Node);
        }
        let id = place.container.as_ref()?;
        self.entries.iter().filter(|entry| entry.within == place.within).find_map(|entry| {
            let known = entry.containers.iter().find(|it| it.id.as_ref() == Some(id));
            let infra = entry.sandbox.as_ref().is_some_and(|it| it.id.as_ref() == Some(id));
            (known.is_some() || infra).then(|| who(entry, known.cloned()))
        })
    }

    /// The first process of each container.
    pub(super) fn first_pids(&self) -> Vec<u32> {
        let containers = self.entries.iter().flat_map(|entry| entry.containers.iter().chain(&entry.sandbox));
        containers.filter_map(|container| container.pid).collect()
    }

    /// Its processes in the order in which they are worth a look: those of containers, then the node's own, the youngest
    /// first.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        let of_node = |who: &Who| *who == Who::Node;
        let containers = self.by_pid.iter().filter(move |(_, who)| !of_node(who)).rev();
        let node = self.by_pid.iter().filter(move |(_, who)| of_node(who)).rev();
        containers.chain(node).map(|(pid, _)| *pid)
    }
}

/// Whether a process is in a group of version 2 that is not the root.
fn has_group(node: &Node, pid: u32) -> bool {
    let text = Process::open(node.host(), pid).and_then(|process| process.read("cgroup", MAX_CGROUP));
    let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    text.lines().filter_map(|line| line.strip_prefix("0::/")).any(|path| !path.is_empty())
}

fn who(entry: &Arc<Entry>, container: Option<Container>) -> Who {
    match entry.kind {
        Kind::Pod | Kind::Container => Who::Container(Arc::clone(entry), container),
        Kind::Host | Kind::Named | Kind::Process => Who::Node,
    }
}

fn container_of(entry: &Entry, pid: u32) -> Option<Container> {
    entry.containers.iter().find(|container| container.pids.contains(&pid)).cloned()
}
