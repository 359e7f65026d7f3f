//! The process table: of every process its network namespace and its place, read once.

use std::collections::BTreeMap;
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

/// One process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// The inode of its network namespace; none for a zombie, or without permission.
    pub(crate) netns: Option<u64>,
    /// Where its cgroup lies.
    pub(crate) place: Place,
}

/// All processes by number.
#[derive(Debug, Default)]
pub(crate) struct Processes {
    pub(crate) by_pid: BTreeMap<u32, Seen>,
    /// Those whose namespace is not shown to us.
    pub(crate) denied: usize,
}

impl Processes {
    /// Reads the table.
    pub(crate) fn read(host: &Host) -> Result<Self, Error> {
        let mut table = Self::default();
        for pid in pids(host)? {
            table.add(host, pid);
        }
        Ok(table)
    }

    /// Adds what has started and drops what has ended since the table was read; says whether anything did.
    pub(crate) fn refresh(&mut self, host: &Host) -> Result<Changed, Error> {
        let now: std::collections::BTreeSet<u32> = pids(host)?.collect();
        let before = self.by_pid.len();
        self.by_pid.retain(|pid, _| now.contains(pid));
        let ended = self.by_pid.len() != before;
        let started: Vec<u32> = now.into_iter().filter(|pid| !self.by_pid.contains_key(pid)).collect();
        for pid in &started {
            self.add(host, *pid);
        }
        Ok(if ended || !started.is_empty() { Changed::Yes } else { Changed::No })
    }

    fn add(&mut self, host: &Host, pid: u32) {
        if self.by_pid.len() >= MOST {
            return;
        }
        let directory = host.process(pid);
        // A process that has ended meanwhile has neither.
        let Some(place) = place_of(directory.join("cgroup")) else { return };
        let netns = netns_of(directory.join("ns/net")).unwrap_or_else(|Denied| {
            self.denied += 1;
            None
        });
        self.by_pid.insert(pid, Seen { netns, place });
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

fn place_of(path: PathBuf) -> Option<Place> {
    let mut text = Vec::with_capacity(1024);
    File::open(path).ok()?.take(MAX_CGROUP).read_to_end(&mut text).ok()?;
    Some(cgroup::place(&String::from_utf8_lossy(&text)))
}

/// The inode in `net:[4026531840]`.
fn netns_of(link: PathBuf) -> Result<Option<u64>, Denied> {
    match fs::read_link(link) {
        Ok(text) => Ok(netns_inode(&text.to_string_lossy())),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => Err(Denied),
        Err(_) => Ok(None),
    }
}
