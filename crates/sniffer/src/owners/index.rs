//! Whose the processes and groups of one network namespace are.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::told::Who;
use crate::node::{Container, Entry, Kind, Node, Place};

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
        Self { entries, by_pid }
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

    /// Its processes in the order in which they are worth a look: those of containers, then the node's own, the youngest
    /// first.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        let of_node = |who: &Who| *who == Who::Node;
        let containers = self.by_pid.iter().filter(move |(_, who)| !of_node(who)).rev();
        let node = self.by_pid.iter().filter(move |(_, who)| of_node(who)).rev();
        containers.chain(node).map(|(pid, _)| *pid)
    }
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
