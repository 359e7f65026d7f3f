//! Which processes belong together: those of one pod, and those of one container outside a pod.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use super::cgroup::{Manager, Place, Role};
use super::id::{ContainerId, PodUid};
use super::mounts::{Mounts, Trace};
use super::processes::{Processes, Seen};
use super::records::{Part, Record, Runtime};
use super::{Scopes, Written, scope};
use crate::host::Host;
use crate::pod_files::Root;
use crate::process::Process;

/// Mount namespaces without a container's cgroup whose mounts are looked at for one (rootless podman).
const MOST_TRACED: usize = 256;

/// Longer than any `status` file, in bytes.
const MAX_STATUS: u64 = 64 << 10;

/// Whose a process is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A Kubernetes pod.
    Pod(Option<ContainerId>, PodUid),
    /// A pod of podman's: by podman's id for it, or where only files tell, by that of its infra container.
    Libpod(Option<ContainerId>, ContainerId),
    /// A container.
    Container(Option<ContainerId>, ContainerId),
}

/// The processes of one pod or container.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub(super) processes: Vec<Member>,
    pub(super) manager: Option<Manager>,
}

/// One process of a group.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) pid: u32,
    pub(super) netns: Option<u64>,
    /// Whether it is no zombie.
    pub(super) runs: bool,
    pub(super) container: Option<ContainerId>,
}

/// All groups of a node; those of containers without a cgroup are found by their mounts.
pub(super) fn all(
    host: &Host,
    root: &Root,
    processes: &Processes,
    host_netns: Option<u64>,
    scopes: &mut Scopes,
) -> BTreeMap<Key, Group> {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    let mut tracer = Tracer::new(host, root, processes);
    let infra = Infra::of(processes);
    for (pid, seen) in &processes.by_pid {
        if seen.place.role == Role::Monitor {
            continue;
        }
        let found = match key_of(seen, scopes, &infra) {
            Some(key) => Some((key, seen.place.container.clone())),
            None if seen.netns.is_some() && seen.netns != host_netns => tracer.key_of(*pid, scopes),
            None => None,
        };
        if let Some((key, container)) = found {
            let group = groups.entry(key).or_default();
            group.manager = group.manager.or(seen.place.manager);
            group.processes.push(Member { pid: *pid, netns: seen.netns, runs: seen.runs(), container });
        }
    }
    groups
}

fn key_of(seen: &Seen, scopes: &Scopes, infra: &Infra<'_>) -> Option<Key> {
    let place = &seen.place;
    let within = place.within.clone();
    if let Some(uid) = &place.pod {
        return Some(Key::Pod(within, uid.clone()));
    }
    if let Some(pod) = &place.libpod {
        return Some(Key::Libpod(within, pod.clone()));
    }
    let id = place.container.as_ref()?;
    let written = scopes.get(&within);
    // Seen from another cgroup namespace a path may have lost its beginning, and with it the pod.
    if let Some(uid) = written.and_then(|written| pod_of_container(written, id)) {
        return Some(Key::Pod(within, uid));
    }
    let of_pod = written.and_then(|written| written.records.get(id)).and_then(sandbox_of_podman);
    let pod = of_pod.and_then(|sandbox| infra.pod(within.as_ref(), sandbox, seen.netns));
    Some(pod.unwrap_or_else(|| Key::Container(within, id.clone())))
}

/// The pod of a container whose cgroup names none, by what its CRI runtime or the kubelet wrote. Not by Docker's labels:
/// whoever starts a container chooses those.
fn pod_of_container(written: &Written, id: &ContainerId) -> Option<PodUid> {
    let record =
        written.records.get(id).filter(|it| matches!(it.runtime, Runtime::Containerd | Runtime::CriO));
    let by_record = record.and_then(|record| {
        let sandbox = record.sandbox.as_ref().and_then(|id| written.records.get(id));
        record.uid.clone().or_else(|| sandbox?.uid.clone())
    });
    by_record.or_else(|| {
        let (pod, _) = written.logs.by_container.get(id)?;
        written.logs.uid_of(pod).cloned()
    })
}

/// The infra container of a container of podman's; its own id for an infra container.
fn sandbox_of_podman(record: &Record) -> Option<&ContainerId> {
    let of_podman = Some(record).filter(|record| record.runtime == Runtime::Podman)?;
    if of_podman.part == Part::Sandbox { Some(&of_podman.id) } else { of_podman.sandbox.as_ref() }
}

/// Containers by id with their pod of podman's and their namespace: a container that a unit of systemd's runs lies in the
/// unit's cgroup, beside that of its pod.
struct Infra<'a>(BTreeMap<&'a ContainerId, (&'a Place, Option<u64>)>);

impl<'a> Infra<'a> {
    fn of(processes: &'a Processes) -> Self {
        let mut all = BTreeMap::new();
        for seen in processes.by_pid.values().filter(|seen| seen.place.role == Role::Workload && seen.runs())
        {
            if let Some(id) = &seen.place.container {
                all.entry(id).or_insert((&seen.place, seen.netns));
            }
        }
        Self(all)
    }

    /// The pod of an infra container, for one that has the same network; another that names it is not believed.
    fn pod(&self, within: Option<&ContainerId>, infra: &ContainerId, netns: Option<u64>) -> Option<Key> {
        let (place, known) = self.0.get(infra)?;
        let same = place.within.as_ref() == within && *known == netns;
        let pod = place.libpod.as_ref().unwrap_or(infra);
        same.then(|| Key::Libpod(within.cloned(), pod.clone()))
    }
}

/// Whose processes without a container's cgroup are: podman without privileges makes none on cgroup v1.
struct Tracer<'a> {
    host: &'a Host,
    root: &'a Root,
    processes: &'a Processes,
    /// The mount namespace of the node itself, whose mounts say nothing about a container.
    own: Option<PathBuf>,
    found: BTreeMap<PathBuf, Option<(Key, Option<ContainerId>)>>,
    mounts: Option<Mounts>,
}

impl<'a> Tracer<'a> {
    fn new(host: &'a Host, root: &'a Root, processes: &'a Processes) -> Self {
        let own = fs::read_link(host.process(1).join("ns/mnt")).ok();
        Self { host, root, processes, own, found: BTreeMap::new(), mounts: None }
    }

    fn key_of(&mut self, pid: u32, scopes: &mut Scopes) -> Option<(Key, Option<ContainerId>)> {
        let view = fs::read_link(self.host.process(pid).join("ns/mnt")).ok();
        if view.is_some() && view == self.own {
            return None;
        }
        // Without a name for its view, a process has one of its own.
        let view = view.unwrap_or_else(|| pid.to_string().into());
        if let Some(known) = self.found.get(&view) {
            return known.clone();
        }
        if self.found.len() >= MOST_TRACED {
            return None;
        }
        let found = self.look(pid, scopes);
        self.found.insert(view, found.clone());
        found
    }

    fn look(&mut self, pid: u32, scopes: &mut Scopes) -> Option<(Key, Option<ContainerId>)> {
        let mounts = self.mounts.get_or_insert_with(|| scope::mounts_of_node(self.host));
        match scope::traces(self.host, pid, mounts).into_iter().next()? {
            Trace::Pod(uid) => Some((Key::Pod(None, uid), None)),
            Trace::Container(folder, id) => {
                let records = &mut scopes.get_mut(&None)?.records;
                records.look_in(self.root, &folder);
                // podman's own folder holds what the folder of the mount lacks.
                let parent = scope::parent_outside(self.host, self.processes, pid);
                if let Some(folder) = parent.and_then(|parent| scope::folder_of(self.host, parent)) {
                    records.look_in(self.root, &folder);
                }
                let sandbox = records.get(&id).and_then(sandbox_of_podman).cloned();
                let key = sandbox
                    .map_or_else(|| Key::Container(None, id.clone()), |sandbox| Key::Libpod(None, sandbox));
                Some((key, Some(id)))
            }
        }
    }
}

impl Group {
    /// The namespace of a pod: its sandbox's, else the one that the sandbox's file stands for, else that of the process its
    /// runtime started, else of its first. A process of a container may have made one for itself.
    pub(super) fn netns(
        &self,
        sandbox: Option<&ContainerId>,
        file: Option<u64>,
        records: &[&Record],
    ) -> Option<u64> {
        let of = |id: &ContainerId| self.shown().find(|it| it.container.as_ref() == Some(id));
        let recorded = || {
            self.shown().find(|it| {
                records
                    .iter()
                    .any(|record| record.pid == Some(it.pid) && it.container.as_ref() == Some(&record.id))
            })
        };
        let by_sandbox = sandbox.and_then(of).and_then(|it| it.netns);
        let of_process = || recorded().or_else(|| self.shown().next())?.netns;
        by_sandbox.or(file).or_else(of_process)
    }

    /// The namespace of one of its processes.
    pub(super) fn netns_of(&self, pid: u32) -> Option<u64> {
        self.processes.iter().find(|it| it.pid == pid)?.netns
    }

    /// Its processes in a namespace; without permission none is shown, and all count.
    pub(super) fn in_netns(&self, netns: Option<u64>) -> Vec<u32> {
        self.processes.iter().filter(|it| it.netns == netns && it.runs).map(|it| it.pid).collect()
    }

    /// Those whose namespace is known.
    fn shown(&self) -> impl Iterator<Item = &Member> {
        self.processes.iter().filter(|it| it.netns.is_some())
    }

    /// Whether a container has a process.
    pub(super) fn has(&self, id: &ContainerId) -> bool {
        self.first(id).is_some()
    }

    /// The first process of a container that runs.
    pub(super) fn first(&self, id: &ContainerId) -> Option<u32> {
        self.processes.iter().find(|it| it.container.as_ref() == Some(id) && it.runs).map(|it| it.pid)
    }

    pub(super) fn all(&self, id: &ContainerId) -> Vec<u32> {
        self.processes.iter().filter(|it| it.container.as_ref() == Some(id)).map(|it| it.pid).collect()
    }

    /// The process that a container's runtime wrote down, if that is there, else the one with the lowest number.
    ///
    /// The runtime of a node that runs as a container has written the number that it sees: another than is seen from here.
    pub(super) fn main(&self, host: &Host, record: Option<&Record>, id: &ContainerId) -> Option<u32> {
        let own = || self.processes.iter().filter(|it| it.container.as_ref() == Some(id));
        let confirmed = record.and_then(|record| record.pid).and_then(|recorded| {
            let as_seen = own().find(|it| it.pid == recorded);
            let level = |member: &&Member| level_of(&numbers_of(host, member.pid), recorded);
            as_seen.or_else(|| match own().nth(1) {
                // There is no choice.
                None => None,
                Some(_) => own().filter(|it| level(it).is_some()).min_by_key(level),
            })
        });
        confirmed.filter(|it| it.runs).map(|it| it.pid).or_else(|| self.first(id))
    }
}

/// The numbers of a process in the PID namespaces that it is in, from the reader's inwards (proc(5), `NSpid`).
fn numbers_of(host: &Host, pid: u32) -> Vec<u32> {
    let status = Process::open(host, pid).and_then(|process| process.read("status", MAX_STATUS));
    let status = status.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap_or_default();
    line.split_whitespace().filter_map(|number| number.parse().ok()).collect()
}

/// In which of them, inside the reader's, it has this number.
fn level_of(numbers: &[u32], number: u32) -> Option<usize> {
    numbers.iter().skip(1).position(|it| *it == number)
}
