//! What runs on the node, from files only: no socket of a runtime, no client program, no API server.
//!
//! The process table gives every process its network namespace ([`processes`]) and, by its cgroup, its pod and container
//! ([`cgroup`]); the runtimes' files ([`records`]) and the kubelet's folders of logs ([`names`]) give those their names;
//! mount tables ([`mounts`]) and files ([`files`]) give namespaces theirs. [`groups`] sorts the processes by pod and
//! container, [`entries`] puts it together: one [`Entry`] per pod, per container outside a pod, per named namespace and per
//! namespace that only processes hold.
//!
//! What a container can write is never believed: not its host name, command line, environment or `/etc/hosts`, nor
//! children that it makes in its own cgroup.

pub mod cgroup;
mod entries;
pub(crate) mod files;
mod groups;
pub mod id;
mod mounts;
mod names;
mod open;
mod processes;
mod records;
mod scope;
mod select;

use std::collections::BTreeMap;

pub use cgroup::Place;
pub use id::{ContainerId, PodUid};
pub use names::PodName;
pub use open::Opened;
pub use records::Runtime;
pub(crate) use scope::mount_table;
pub use select::{ContainerQuery, PodQuery, workload_of};

use crate::error::Error;
use crate::host::Host;
use crate::pod_files::Root;
use names::PodLogs;
use processes::{Changed, Processes};
use records::{Memory, Records};

/// Everything on a node that has, or shares, a network namespace.
#[derive(Debug)]
pub struct Node {
    host: Host,
    processes: Processes,
    looks: u64,
    /// What was read of the runtimes' files.
    memory: Memory,
    /// One line of `dnsprobe list` each.
    pub entries: Vec<Entry>,
    /// Pods that have logs here and nothing that runs.
    pub ended: Vec<PodName>,
    /// What was looked at, in words, for messages.
    pub evidence: String,
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The node itself.
    Host,
    /// A pod.
    Pod,
    /// A container in no pod.
    Container,
    /// A namespace with a name and nothing known in it.
    Named,
    /// A namespace that only processes hold.
    Process,
}

impl Kind {
    /// The word for it, as in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Pod => "pod",
            Self::Container => "container",
            Self::Named => "named",
            Self::Process => "process",
        }
    }
}

/// Whether an entry has a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// A namespace of its own.
    Own,
    /// The node's.
    Host,
}

/// A pod, a container, a named namespace, or processes that share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// The inode of its network namespace; none where nothing says.
    pub netns: Option<u64>,
    /// Whether that is its own.
    pub network: Network,
    /// Its processes, ascending, as the reader of the process table sees them.
    pub pids: Vec<u32>,
    /// The pod's name.
    pub pod: Option<PodName>,
    /// The pod's UID.
    pub uid: Option<PodUid>,
    /// The container that acts as a node around it (kind).
    pub within: Option<ContainerId>,
    /// Its containers: running ones in the order of their processes, then the others by name. Not the sandbox.
    pub containers: Vec<Container>,
    /// What holds the pod's namespaces.
    pub sandbox: Option<Container>,
    /// The container that its owner wants tools to choose, where that is written down.
    pub default_container: Option<String>,
    /// Who runs it.
    pub runtime: Option<Runtime>,
    /// The files that stand for its namespace, by the name that `ip netns` has for them or by their path.
    pub names: Vec<String>,
    /// A file that stands for its namespace, for an entry without a process.
    pub pinned: Option<String>,
    /// Its `resolv.conf` on the node, where the runtime says.
    pub resolv_conf: Option<String>,
}

/// A container of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name; none where nothing says.
    pub name: Option<String>,
    /// Its id.
    pub id: Option<ContainerId>,
    /// Its first process; none when it does not run.
    pub pid: Option<u32>,
    /// All its processes, ascending.
    pub pids: Vec<u32>,
}

impl Node {
    /// Looks at the node. The process table is read once; everything else only where it is needed.
    ///
    /// # Errors
    /// When the node has no `/proc`.
    pub fn read(host: &Host) -> Result<Self, Error> {
        let mut node = Self {
            host: host.clone(),
            processes: Processes::read(host)?,
            looks: 0,
            memory: Memory::default(),
            entries: Vec::new(),
            ended: Vec::new(),
            evidence: String::new(),
        };
        node.understand()?;
        Ok(node)
    }

    /// Looks again, at what has started and ended; cheap when nothing has.
    pub fn refresh(&mut self) -> Result<(), Error> {
        match self.processes.refresh(&self.host)? {
            Changed::Yes => self.understand(),
            Changed::No => Ok(()),
        }
    }

    /// The node that was looked at.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The inode of the node's own network namespace.
    pub fn host_netns(&self) -> Option<u64> {
        self.entries.iter().find(|entry| entry.kind == Kind::Host)?.netns
    }

    /// How often what is there has been another.
    pub(crate) fn looks(&self) -> u64 {
        self.looks
    }

    /// Whether a process with this number was there when the node was looked at.
    pub(crate) fn has_process(&self, pid: u32) -> bool {
        self.processes.has(pid)
    }

    /// Processes whose namespace the kernel did not show, for want of a privilege.
    pub fn denied(&self) -> usize {
        self.processes.denied()
    }

    fn understand(&mut self) -> Result<(), Error> {
        let root = Root::of_host(&self.host)?;
        let before = std::mem::take(&mut self.memory);
        let found = entries::all(&self.host, &root, &self.processes, before);
        self.memory = found.memory;
        self.entries = found.entries;
        self.ended = found.ended;
        self.evidence = found.evidence;
        self.looks += 1;
        Ok(())
    }
}

/// What is written down on one node: the machine, or a container that acts as one.
#[derive(Debug, Default)]
struct Written {
    records: Records,
    logs: PodLogs,
}

impl Written {
    fn read(root: &Root, before: Memory) -> Self {
        Self { records: Records::read(root, before), logs: PodLogs::read(root) }
    }

    /// Adds what another file system of the same node holds.
    fn add(&mut self, other: Self) {
        self.records.merge(other.records);
        self.logs.merge(other.logs);
    }
}

/// By the container that acts as a node; `None` is the machine.
type Scopes = BTreeMap<Option<ContainerId>, Written>;
