//! Which process has a socket open.

use std::collections::VecDeque;
use std::fs;

use super::budget::Budget;
use crate::host::Host;
use crate::node::Node;

/// Those that had one lately are looked at first: who asks once asks again.
const RECENT: usize = 8;
/// Descriptors of one process that are looked at.
const MOST_FDS: usize = 1_024;
/// Entries of `/proc` that are listed for a step.
const LISTED: usize = 8;

/// Finds them.
#[derive(Debug, Default)]
pub(super) struct Holders {
    recent: VecDeque<u32>,
}

impl Holders {
    /// The process that has the socket with this inode open, of those that had one lately, those that have started since
    /// the node was looked at (what is young asks soonest), and `others`; `None` where none has it any more, or where the
    /// budget does not reach.
    pub(super) fn find(
        &mut self,
        inode: u32,
        others: impl Iterator<Item = u32>,
        node: &Node,
        budget: &mut Budget,
    ) -> Option<u32> {
        let (link, host) = (format!("socket:[{inode}]"), node.host());
        let mut found = self.recent.iter().find_map(|pid| has_open(host, *pid, &link, budget));
        if found.is_none() {
            let all = young(node, budget).into_iter().chain(others);
            found = { all }.find_map(|pid| has_open(host, pid, &link, budget));
        }
        let Some(Found::Holder(found)) = found else { return None };
        self.recent.retain(|pid| *pid != found);
        self.recent.push_front(found);
        self.recent.truncate(RECENT);
        Some(found)
    }
}

/// How a search ended.
enum Found {
    Holder(u32),
    /// The budget is spent.
    Spent,
}

/// `None` when this process is not the one.
fn has_open(host: &Host, pid: u32, link: &str, budget: &mut Budget) -> Option<Found> {
    // Opening the folder and reading it.
    if !budget.take(3) {
        return Some(Found::Spent);
    }
    let descriptors = fs::read_dir(host.process(pid).join("fd")).into_iter().flatten().flatten();
    for descriptor in descriptors.take(MOST_FDS) {
        if !budget.take(1) {
            return Some(Found::Spent);
        }
        if fs::read_link(descriptor.path()).is_ok_and(|it| it.as_os_str() == link) {
            return Some(Found::Holder(pid));
        }
    }
    None
}

/// Processes that were not there when the node was looked at, the youngest first.
fn young(node: &Node, budget: &mut Budget) -> Vec<u32> {
    let all = fs::read_dir(node.host().path("proc")).into_iter().flatten().flatten();
    let pids: Vec<u32> = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    if !budget.take(u32::try_from(pids.len() / LISTED).unwrap_or(u32::MAX)) {
        return Vec::new();
    }
    let mut young: Vec<u32> = pids.into_iter().filter(|pid| !node.has_process(*pid)).collect();
    young.sort_unstable_by(|a, b| b.cmp(a));
    young
}
