//! The process table: of every process its network namespace and its place, read once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use super::cgroup::{self, Place};
use crate::error::Error;
use crate::host::Host;
use crate::process::netns_inode;

/// The longest cgroup file that is read, in bytes: twelve hierarchies with paths of a page.
const MAX_CGROUP: u64 = 64 << 10;
/// Processes kept: the kernel's own limit is 4 million, a node has some thousand.
const MOST: usize = 1 << 18;
/// How often a new process is looked at again.
const LOOKS: u8 = 4;

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The inode of its network namespace; none for a zombie, or without permission.
    pub(crate) netns: Option<u64>,
    /// Whether it has one that is not shown to us.
    pub(crate) denied: bool,
    /// Where its cgroup lies.
    pub(crate) place: Place,
}

impl Seen {
    /// Whether it still runs: a zombie has no namespace.
    pub(crate) fn runs(&self) -> bool {
        self.netns.is_some() || self.denied
    }
}

/// All processes by number, without the kernel's own threads.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    pub(crate) by_pid: BTreeMap<u32, Seen>,
    /// The kernel's threads.
    threads: BTreeSet<u32>,
    /// Those that may not be where they will stay, and how often to look again.
    young: BTreeMap<u32, u8>,
}

impl Processes {
    /// Reads the table.
    pub(crate) fn read(host: &Host) -> Result<Self, Error> {
        let mut table = Self::default();
        for pid in pids(host)? {
            table.add(host, pid, 1);
        }
        Ok(table)
    }

    /// Adds what has started and drops what has ended since the table was read; says whether anything did.
    ///
    /// A runtime moves a container's first process into its cgroup and its namespaces after it has started: what is new is
    /// looked at again for a while.
    pub(crate) fn refresh(&mut self, host: &Host) -> Result<Changed, Error> {
        let now: BTreeSet<u32> = pids(host)?.collect();
        let before = self.by_pid.len();
        self.by_pid.retain(|pid, _| now.contains(pid));
        self.threads.retain(|pid| now.contains(pid));
        let mut changed = self.by_pid.len() != before;
        for (pid, times) in std::mem::take(&mut self.young) {
            let was = self.by_pid.remove(&pid);
            self.add(host, pid, times - 1);
            changed |= self.by_pid.get(&pid) != was.as_ref();
        }
        for pid in now {
            if !self.by_pid.contains_key(&pid) && !self.threads.contains(&pid) {
                self.add(host, pid, LOOKS);
                changed |= self.by_pid.contains_key(&pid);
            }
        }
        Ok(if changed { Changed::Yes } else { Changed::No })
    }

    /// Whether there is one with this number, of the kernel's own included.
    pub(crate) fn has(&self, pid: u32) -> bool {
        self.by_pid.contains_key(&pid) || self.threads.contains(&pid)
    }

    /// How many have a namespace that is not shown to us.
    pub(crate) fn denied(&self) -> usize {
        self.by_pid.values().filter(|seen| seen.denied).count()
    }

    fn add(&mut self, host: &Host, pid: u32, looks: u8) {
        if self.by_pid.len() >= MOST {
            return;
        }
        let directory = host.process(pid);
        // A process that has ended meanwhile has neither.
        let Some(text) = beginning(directory.join("cgroup")) else { return };
        if in_no_group(&text) && is_thread_of_kernel(directory.join("stat")) {
            self.threads.insert(pid);
            return;
        }
        let place = cgroup::place(&text);
        let netns = netns_of(directory.join("ns/net"));
        let denied = netns.is_err();
        self.by_pid.insert(pid, Seen { netns: netns.unwrap_or_default(), denied, place });
        if looks > 0 {
            self.young.insert(pid, looks);
        }
    }
}

/// Whether the table is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changed {
    Yes,
    No,
}

struct Denied;

fn pids(host: &Host) -> Result<impl Iterator<Item = u32>, Error> {
    let directory = host.path("proc");
    let entries = fs::read_dir(&directory)
        .map_err(|source| Error::from_io("list", directory.display().to_string(), &[], source))?;
    Ok(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
}

/// The first bytes of a file of the kernel's.
fn beginning(path: PathBuf) -> Option<String> {
    let mut text = Vec::with_capacity(1024);
    File::open(path).ok()?.take(MAX_CGROUP).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Whether it lies in the root of every hierarchy, as threads of the kernel do.
fn in_no_group(cgroup: &str) -> bool {
    cgroup.lines().all(|line| line.ends_with(":/"))
}

/// By the flags, which are the seventh field after the name (proc(5), `/proc/PID/stat`; `PF_KTHREAD` in the kernel's
/// `include/linux/sched.h`).
fn is_thread_of_kernel(path: PathBuf) -> bool {
    const PF_KTHREAD: u64 = 0x0020_0000;
    let stat = beginning(path).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let flags = after_name.split_whitespace().nth(6).and_then(|flags| flags.parse::<u64>().ok());
    flags.is_some_and(|flags| flags & PF_KTHREAD != 0)
}

/// The inode in `net:[4026531840]`.
fn netns_of(link: PathBuf) -> Result<Option<u64>, Denied> {
    match fs::read_link(link) {
        Ok(text) => Ok(netns_inode(&text.to_string_lossy())),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Denied),
        Err(_) => Ok(None),
    }
}
