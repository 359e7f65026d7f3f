//! What runtimes have written about their containers, on the node's own file system.
//!
//! These files are the runtimes', not the containers'; still each is read below the node's root, only if it is a regular
//! file, and only up to a size. What they say of processes is old news: a recorded number is believed only when the
//! process with it lies in that container's cgroup.

mod containerd;
mod docker;
mod libpod;
mod memory;
mod oci;
mod storage;

use std::collections::BTreeMap;

use super::id::{ContainerId, PodUid};
use super::names::PodName;
use crate::pod_files::Root;

pub(crate) use containerd::of_shim;
pub(crate) use memory::Memory;
pub(crate) use storage::{of_conmon, of_mount};

/// Containers kept of one node.
const MOST: usize = 16_384;

/// Which software runs a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Runtime {
    /// containerd, also as part of k3s, rke2, k0s and microk8s.
    Containerd,
    /// CRI-O.
    CriO,
    /// Docker, also below a kubelet.
    Docker,
    /// podman.
    Podman,
}

impl Runtime {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Docker => "docker",
            Self::Podman => "podman",
        }
    }
}

/// What a container is to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// It holds the pod's namespaces (`pause`, podman's infra container).
    Sandbox,
    /// It runs something.
    Application,
}

/// One container as its runtime wrote it down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: ContainerId,
    pub(crate) runtime: Runtime,
    pub(crate) part: Part,
    /// The container that holds its pod's namespaces.
    pub(crate) sandbox: Option<ContainerId>,
    pub(crate) pod: Option<PodName>,
    pub(crate) uid: Option<PodUid>,
    /// The container's name.
    pub(crate) name: Option<String>,
    /// The container that the pod's owner wants tools to choose.
    pub(crate) default_container: Option<String>,
    /// Its first process, in the numbers of the runtime's own PID namespace.
    pub(crate) pid: Option<u32>,
    /// The file that holds its network namespace; of a sandbox without one the network is the node's.
    pub(crate) netns: Netns,
    /// Whether its runtime has stopped it for good.
    pub(crate) has_stopped: bool,
    /// Its `resolv.conf` on the node.
    pub(crate) resolv_conf: Option<String>,
    /// The host name it was given.
    pub(crate) hostname: Option<String>,
}

/// A container's network namespace as its runtime's configuration has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Netns {
    /// Not written down.
    Unknown,
    /// The node's own.
    Host,
    /// The one that this file stands for.
    Pinned(String),
}

impl Record {
    fn new(id: ContainerId, runtime: Runtime) -> Self {
        Self {
            id,
            runtime,
            part: Part::Application,
            sandbox: None,
            pod: None,
            uid: None,
            name: None,
            default_container: None,
            pid: None,
            netns: Netns::Unknown,
            has_stopped: false,
            resolv_conf: None,
            hostname: None,
        }
    }
}

/// All containers written down on a node, and where.
#[derive(Debug, Default)]
pub(crate) struct Records {
    by_id: BTreeMap<ContainerId, Record>,
    /// Folders that held some, for messages.
    pub(crate) places: Vec<String>,
    /// What was read of them, for the next look.
    pub(crate) memory: Memory,
}

impl Records {
    /// Reads what lies in the places that runtimes use unless told otherwise; what is as it was before is not read again.
    pub(crate) fn read(root: &Root, before: Memory) -> Self {
        let mut records = Self { memory: before, ..Self::default() };
        let bundles = containerd::PLACES.map(|place| Place::Bundles(place.to_owned()));
        let storage = storage::PLACES.map(str::to_owned).into_iter().chain(storage::of_users(root));
        let docker = docker::places(root).into_iter().map(Place::Docker);
        let places = bundles.into_iter().chain(storage.map(Place::Storage)).chain(docker);
        for place in places.collect::<Vec<_>>() {
            records.look_in(root, &place);
        }
        records
    }

    /// Adds what lies in another place.
    pub(crate) fn look_in(&mut self, root: &Root, place: &Place) {
        let memory = &mut self.memory;
        let (folder, found) = match place {
            Place::Bundles(folder) => (folder, containerd::read(root, folder, memory)),
            Place::Storage(folder) => (folder, storage::read(root, folder, memory)),
            Place::Docker(folder) => (folder, docker::read(root, folder, memory)),
        };
        self.add(folder, found);
    }

    /// Adds what was read elsewhere.
    pub(crate) fn merge(&mut self, other: Self) {
        self.add(&other.places.join(", /"), other.by_id.into_values().collect());
    }

    fn add(&mut self, place: &str, found: Vec<Record>) {
        if !found.is_empty() && !self.places.iter().any(|known| known == place) {
            self.places.push(place.to_owned());
        }
        for record in found {
            if self.by_id.len() < MOST {
                match self.by_id.get_mut(&record.id) {
                    Some(known) => complete(known, record),
                    None => drop(self.by_id.insert(record.id.clone(), record)),
                }
            }
        }
    }

    pub(crate) fn get(&self, id: &ContainerId) -> Option<&Record> {
        self.by_id.get(id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.by_id.values()
    }
}

/// Docker's containers have a bundle of containerd's and a file of Docker's, podman's two folders; together they say all.
fn complete(known: &mut Record, more: Record) {
    if more.runtime == Runtime::Docker {
        known.runtime = Runtime::Docker;
        known.part = more.part;
    }
    known.sandbox = known.sandbox.take().or(more.sandbox);
    known.pod = known.pod.take().or(more.pod);
    known.uid = known.uid.take().or(more.uid);
    known.name = known.name.take().or(more.name);
    known.default_container = known.default_container.take().or(more.default_container);
    known.pid = known.pid.or(more.pid);
    known.has_stopped |= more.has_stopped;
    known.resolv_conf = known.resolv_conf.take().or(more.resolv_conf);
    known.hostname = known.hostname.take().or(more.hostname);
    if known.netns == Netns::Unknown {
        known.netns = more.netns;
    }
}

/// A folder with containers, found by a trace of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// containerd's bundles of one of its namespaces.
    Bundles(String),
    /// The storage of CRI-O or podman.
    Storage(String),
    /// Docker's `containers`.
    Docker(String),
}
